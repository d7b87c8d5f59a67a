using System.Diagnostics.CodeAnalysis;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>The one way to the store: sends calls, holds them back behind a change of their key, or lets them fail at once while the store counts as down.</summary>
/// <remarks>
/// Nobody waits for a store that is down: a circuit breaker counts failures, and while it is open a call fails before it is sent. A call about a key whose change has not
/// got to the store yet is held back until it has, or it would be answered with what was before the change. A call that failed is repeated under its operation's id, for as long
/// as stores remember their first answer. Every answer tells which epoch the store is in.
/// </remarks>
internal sealed class StoreGate(Kernel kernel, ChangeQueues queues) : Component(kernel)
{
    public CircuitBreaker Breaker { get; } = new(kernel.Settings.FailuresToBreak, kernel.Settings.BreakDuration);

    private readonly Queue<StoreCall> _notSent = new();

    /// <summary>Calls about a key that must not be answered before its changes have got to the store.</summary>
    private readonly Dictionary<KeyState, List<StoreCall>> _deferred = [];

    /// <summary>The key that the store has answered for last, and the one that it was not asked for last because it counts as down.</summary>
    public KeyState? Answered { get; set; }

    public KeyState? Wanted { get; set; }

    public long[] PartitionsAskedAt { get; } = new long[kernel.Settings.Partitions];

    public long AskedAt { get; set; }

    /// <summary>An attempt after which there is no other.</summary>
    private const int GivenUp = 1_000_000;

    /// <summary>For how long an operation may be repeated: less than stores remember its first answer.</summary>
    public static readonly long Repeatable = TimeSpan.FromSeconds(8).Ticks;

    /// <summary>Sends a call to the store, or lets it fail at once: nobody waits for a store that is down.</summary>
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
                // The change before it is on its way, or will be before this step ends.
                Park(call);
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

    /// <summary>The next call that has failed because it was not sent.</summary>
    public bool TryTakeNotSent([MaybeNullWhen(false)] out StoreCall call) => _notSent.TryDequeue(out call);

    private static bool IsProbe(StoreCall call) => call is ProbeCall { IsOfBreaker: true };

    /// <summary>Counts how the store does.</summary>
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

    /// <summary>Takes note of a reply, before the part whose call it was gets it.</summary>
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
    /// The store tells which epoch it is in. In a new one it may have lost or turned back what it had accepted, and its tokens compare no longer.
    /// </summary>
    public void NoteEpoch(int part, string epoch)
    {
        if (epoch == Kernel.Epochs[part] || Kernel.Omits(Step.NoteEpoch))
            return;
        var isFirst = Kernel.Epochs[part].Length == 0;
        Kernel.Epochs[part] = epoch;
        Kernel.Post(new Fact(FactKind.EpochBegan) { Partition = part, IsFirst = isFirst });
    }

    /// <summary>Sends a call about one key to the store.</summary>
    public void Issue(StoreCall call)
    {
        call.State!.Pending++;
        call.IsAwaited = true;
        call.HeardAtIssue = call.State.NewestHeard;
        call.Partition = call.State.Partition;
        call.EpochAtIssue = Kernel.Epochs[call.Partition];
        // A repeat may be answered with what was done at the first try, so times count from there.
        if (call.Attempt == 0)
        {
            call.IssuedAt = Now;
            call.GapsAtIssue = Kernel.Gaps;
        }

        call.ActivityAt = Now;
        Send(call);
    }

    /// <summary>Repeats a failed mutation later, under the same operation id: if it was done after all, that is the answer.</summary>
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
            // After a pause: the store may have forgotten the first try, and a repeat would be a second change. It has failed, then.
            call.Attempt = GivenUp;
            _notSent.Enqueue(call);
            return;
        }

        call.State!.Pending--;
        call.Age(Now - call.ActivityAt);
        Issue(call);
    }

    private void Park(StoreCall call)
    {
        if (!_deferred.TryGetValue(call.State!, out var calls))
            _deferred.Add(call.State!, calls = []);
        calls.Add(call);
        Kernel.Queue(new DeferredCall(call, call.Flight?.AsksUntil ?? Now + call.Timeout));
    }

    /// <summary>The changes of a key have got to the store: the calls behind them may go.</summary>
    public void LetGo(KeyState state)
    {
        if (!_deferred.Remove(state, out var calls))
            return;
        foreach (var call in calls)
            Send(call);
    }

    /// <summary>A change of a key didn't get to the store: the calls behind it go on without.</summary>
    public void GiveBack(KeyState state)
    {
        if (!_deferred.Remove(state, out var calls))
            return;
        foreach (var call in calls)
            _notSent.Enqueue(call);
    }

    /// <summary>It has waited for a change long enough: it goes on without the store.</summary>
    public void ServeDeferred(StoreCall call)
    {
        if (!_deferred.TryGetValue(call.State!, out var calls) || !calls.Remove(call))
            return;
        if (calls.Count == 0)
            _deferred.Remove(call.State!);
        _notSent.Enqueue(call);
    }

    /// <summary>Keys whose calls wait behind their changes.</summary>
    public int DeferredKeys => _deferred.Count;

    /// <summary>The end of the patience of a call that waits behind a change.</summary>
    internal sealed class DeferredCall(StoreCall call, long until) : Timed
    {
        public StoreCall Call { get; } = call;

        public override long NextDeadline { get; } = until;
    }

    /// <summary>A call that is repeated at its time.</summary>
    internal sealed class RepeatedCall(StoreCall call, long at) : Timed
    {
        public StoreCall Call { get; } = call;

        public override long NextDeadline { get; } = at;
    }
}
