using System.Diagnostics.CodeAnalysis;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>
/// The only way to the store: sends calls, defers them behind a pending change of their key, or fails them at once while the store is down.
/// </summary>
/// <remarks>
/// No call waits for a store that is down: a circuit breaker counts failures, and while it is open calls fail before they are sent. A call
/// about a key with a pending change is deferred until the change has been delivered; otherwise the answer would be from before the change.
/// A failed mutation is repeated under its operation id for as long as stores remember their first answer. Every answer names the store's
/// epoch.
/// </remarks>
internal sealed class StoreGate(Kernel kernel, ChangeQueues queues) : Component(kernel)
{
    public CircuitBreaker Breaker { get; } = new(kernel.Settings.FailuresToBreak, kernel.Settings.BreakDuration);

    private readonly Queue<StoreCall> _notSent = new();

    /// <summary>Calls that are deferred behind the pending changes of their key.</summary>
    private readonly Dictionary<KeyState, List<StoreCall>> _deferred = [];

    /// <summary>The key that the store answered last, and the last key that was not asked because the breaker is open.</summary>
    public KeyState? Answered { get; set; }

    public KeyState? Wanted { get; set; }

    public long[] PartitionsAskedAt { get; } = new long[kernel.Settings.Partitions];

    public long AskedAt { get; set; }

    /// <summary>The attempt number of a call that must not be repeated.</summary>
    private const int GivenUp = 1_000_000;

    /// <summary>How long an operation may be repeated: shorter than stores remember its first answer.</summary>
    public static readonly long Repeatable = TimeSpan.FromSeconds(8).Ticks;

    /// <summary>Sends a call to the store, or fails it at once while the store is down.</summary>
    public void Send(StoreCall call)
    {
        call.Timeout = call is ProbeCall ? Settings.ReadTimeout / 2 : Settings.WriteTimeout;
        if (call is QuestionCall)
        {
            call.Timeout = call is StorePeekCall { Peeker.Kind: WaiterKind.Peek } ? Settings.ReadTimeout : Settings.ReadTimeout / 2;
            if (call.Flight is { } flight)
                call.Timeout = Math.Min(call.Timeout, flight.AsksUntil - Now);
            var queue = queues.Of(call.State!);
            if (queue is not null && (queue[0].IsInFlight || (queue[0].Tries == 0 && !Breaker.IsOpen)))
            {
                // The change before it is under way, or will be before this step ends.
                Defer(call);
                return;
            }

            if (queue is not null)
                call.Timeout = 0;
        }

        if (call.Timeout <= 0 || (Breaker.IsOpen && !call.IsSentWhileDown))
        {
            Wanted = call.State ?? Wanted;
            _notSent.Enqueue(call);
            return;
        }

        AskedAt = Now;
        PartitionsAskedAt[call.Partition] = Now;
        Out.Send(Peer.Store, call);
    }

    /// <summary>The next call that failed because it was not sent.</summary>
    public bool TryTakeNotSent([MaybeNullWhen(false)] out StoreCall call) => _notSent.TryDequeue(out call);

    private static bool IsProbe(StoreCall call) => call is ProbeCall { IsOfBreaker: true };

    /// <summary>Updates the circuit breaker.</summary>
    private void NoteHealth(StoreReplied reply)
    {
        switch (reply.Fault)
        {
            case StoreFault.NotSent:
                break;
            case StoreFault.Failed or StoreFault.TimedOut:
                if (Breaker.OnFailed(IsProbe(reply.Call), Now))
                    Out.Send(Peer.Store, new StoreHealthChanged(isDown: true));
                break;
            default:
                Answered = reply.Call.State ?? (reply.Call is CheckCall { Checked: [var probed] } ? probed : Answered);
                if (Breaker.OnSucceeded(IsProbe(reply.Call)))
                {
                    Out.Send(Peer.Store, new StoreHealthChanged(isDown: false));
                    Kernel.Post(new Fact(FactKind.StoreBack));
                }

                break;
        }
    }

    /// <summary>Whether the store can't be asked about a key.</summary>
    public bool IsUnreachable(KeyState state) => Breaker.IsOpen || queues.Of(state) is not null;

    /// <summary>Handles a reply before the component that sent the call gets it.</summary>
    public void Note(StoreReplied reply)
    {
        var call = reply.Call;
        call.IsAwaited = false;
        if (call.State is { } owned)
        {
            owned.Pending--;
            Kernel.Settle(owned);
        }

        if (reply.Answer is { } answer)
            NoteEpoch(call.Partition, answer.Epoch);
        NoteHealth(reply);
    }

    /// <summary>
    /// The store names its epoch. In a new one it may have lost or turned back what it had accepted, and its tokens do not compare with
    /// earlier ones.
    /// </summary>
    public void NoteEpoch(int partition, string epoch)
    {
        if (epoch == Kernel.Epochs[partition] || Kernel.Omits(Step.NoteEpoch))
            return;
        var isFirst = Kernel.Epochs[partition].Length == 0;
        Kernel.Epochs[partition] = epoch;
        Kernel.Post(new Fact(FactKind.EpochBegan) { Partition = partition, IsFirst = isFirst });
    }

    /// <summary>Sends a call about one key to the store.</summary>
    public void Issue(StoreCall call)
    {
        call.State!.Pending++;
        call.IsAwaited = true;
        call.HeardAtIssue = call.State.NewestHeard;
        call.Partition = call.State.Partition;
        call.EpochAtIssue = Kernel.Epochs[call.Partition];
        // A repeat may get the answer of the first try, so times count from there.
        if (call.Attempt == 0)
        {
            call.IssuedAt = Now;
            call.GapsAtIssue = Kernel.Gaps;
        }

        call.ActivityAt = Now;
        Send(call);
    }

    /// <summary>Repeats a failed mutation later, under the same operation id. If it was done after all, that is the answer.</summary>
    public void RetryLater(StoreCall call, long delay)
    {
        call.Attempt++;
        call.State!.Pending++;
        call.IsAwaited = true;
        Kernel.Queue(new RepeatedCall(call, Now + delay));
    }

    public void Reissue(StoreCall call)
    {
        if (!call.IsRepeatableForEver && Now - call.IssuedAt > Repeatable)
        {
            // After a pause of the node: the store may have forgotten the first try, and a repeat would be a second change. So the call has
            // failed.
            call.Attempt = GivenUp;
            _notSent.Enqueue(call);
            return;
        }

        call.State!.Pending--;
        call.Age(Now - call.ActivityAt);
        Issue(call);
    }

    private void Defer(StoreCall call)
    {
        if (!_deferred.TryGetValue(call.State!, out var calls))
            _deferred.Add(call.State!, calls = []);
        calls.Add(call);
        Kernel.Queue(new DeferredCall(call, call.Flight?.AsksUntil ?? Now + call.Timeout));
    }

    /// <summary>The pending changes of a key were delivered: the deferred calls are sent.</summary>
    public void LetGo(KeyState state)
    {
        if (!_deferred.Remove(state, out var calls))
            return;
        foreach (var call in calls)
            Send(call);
    }

    /// <summary>A change of a key was not delivered: the calls deferred behind it go on as if the store were down.</summary>
    public void GiveBack(KeyState state)
    {
        if (!_deferred.Remove(state, out var calls))
            return;
        foreach (var call in calls)
            _notSent.Enqueue(call);
    }

    /// <summary>A deferred call has waited long enough: it goes on without the store.</summary>
    public void ServeDeferred(StoreCall call)
    {
        if (!_deferred.TryGetValue(call.State!, out var calls) || !calls.Remove(call))
            return;
        if (calls.Count == 0)
            _deferred.Remove(call.State!);
        _notSent.Enqueue(call);
    }

    /// <summary>The number of keys with deferred calls.</summary>
    public int DeferredKeys => _deferred.Count;

    /// <summary>The deadline of a deferred call.</summary>
    internal sealed class DeferredCall(StoreCall call, long until) : Timed
    {
        public StoreCall Call { get; } = call;

        public override long NextDeadline { get; } = until;
    }

    /// <summary>A call that is repeated at a given time.</summary>
    internal sealed class RepeatedCall(StoreCall call, long at) : Timed
    {
        public StoreCall Call { get; } = call;

        public override long NextDeadline { get; } = at;
    }
}
