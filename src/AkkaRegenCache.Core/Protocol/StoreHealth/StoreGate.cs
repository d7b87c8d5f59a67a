using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

internal sealed class StoreGate(Kernel kernel) : Component(kernel)
{
    public CircuitBreaker Breaker { get; } = new(kernel.Settings.FailuresToBreak, kernel.Settings.BreakDuration);

    public Queue<StoreCall> NotSent { get; } = new();

    /// <summary>The key that the store has answered for last, and the one that it was not asked for last because it counts as down.</summary>
    public KeyState? Answered { get; set; }

    public KeyState? Wanted { get; set; }

    public long[] PartsAskedAt { get; } = new long[kernel.Settings.Parts];

    public long AskedAt { get; set; }

    /// <summary>An attempt after which there is no other.</summary>
    private const int GivenUp = 1_000_000;

    /// <summary>For how long an operation may be repeated: less than stores remember its first answer.</summary>
    public static readonly long Repeatable = TimeSpan.FromSeconds(8).Ticks;

    /// <summary>Whether the store counts as down. May be read from any thread.</summary>
    public bool IsStoreDown => Breaker.IsOpen;

    /// <summary>Sends a call to the store, or lets it fail at once: nobody waits for a store that is down.</summary>
    public void Send(StoreCall call)
    {
        call.Timeout = call.IsProbe || call.IsSignOfLife ? Settings.ReadTimeout / 2 : Settings.WriteTimeout;
        if (call.Request is ReadRequest or ClaimRequest)
        {
            call.Timeout = call.Peeker is { Kind: WaiterKind.Peek } ? Settings.ReadTimeout : Settings.ReadTimeout / 2;
            if (call.Flight is { } flight)
                call.Timeout = Math.Min(call.Timeout, flight.AsksUntil - Now);
            if (Writes.Queues.TryGetValue(call.State!, out var queue) && (queue[0].IsInFlight || (queue[0].Tries == 0 && !Breaker.IsOpen)))
            {
                // It is on its way, or will be before this step ends.
                Writes.Park(call);
                return;
            }

            if (queue is not null)
                call.Timeout = 0;
        }

        if (call.Timeout <= 0 || (Breaker.IsOpen && !call.IsProbe && !call.IsReturn))
        {
            Wanted = call.State ?? Wanted;
            NotSent.Enqueue(call);
            return;
        }

        AskedAt = Now;
        PartsAskedAt[call.Part] = Now;
        Out.Send(Peer.Store, call);
    }

    public void ServeNotSent()
    {
        while (NotSent.TryDequeue(out var call))
            OnReplied(new StoreReplied(call, null, StoreFault.NotSent));
    }

    /// <summary>Counts how the store does.</summary>
    private void NoteHealth(StoreReplied reply)
    {
        switch (reply.Fault)
        {
            case StoreFault.NotSent:
                break;
            case StoreFault.Failed or StoreFault.TimedOut:
                if (Breaker.OnFailed(reply.Call.IsProbe, Now))
                    Out.Send(Peer.Store, new StoreHealthChanged(isDown: true));
                break;
            default:
                Answered = reply.Call.State ?? (reply.Call.Checked is [var probed] ? probed : Answered);
                if (Breaker.OnSucceeded(reply.Call.IsProbe))
                {
                    Out.Send(Peer.Store, new StoreHealthChanged(isDown: false));
                    StoreHealth.OnStoreBack();
                }

                break;
        }
    }

    /// <summary>Whether the store can't be asked about a key.</summary>
    public bool IsUnreachable(KeyState state) => Breaker.IsOpen || (Writes.Queues.Count > 0 && Writes.Queues.ContainsKey(state));

    public void OnReplied(StoreReplied reply)
    {
        var call = reply.Call;
        call.IsAwaited = false;
        if (call.State is { } owned)
            owned.Pending--;
        if (reply.Answer is { } answer)
            StoreHealth.NoteLife(call.Part, answer.Life);
        NoteHealth(reply);

        switch (call.Request)
        {
            case ReadRequest when call.Flight is null:
                Flights.OnPeeked(call, (ReadAnswer?)reply.Answer);
                break;
            case ReadRequest:
                Flights.OnRead(call, (ReadAnswer?)reply.Answer, reply.Fault);
                break;
            case ClaimRequest request:
                Flights.Claiming--;
                Flights.OnClaimed(call, request, (ClaimAnswer?)reply.Answer, reply.Fault);
                break;
            case CommitRequest:
                Flights.Committing--;
                Flights.OnCommitted(call, (ChangeAnswer?)reply.Answer);
                break;
            case ReleaseRequest:
                Flights.OnReleased(call, (ReleaseAnswer?)reply.Answer);
                break;
            case WriteRequest or InvalidateRequest:
                Writes.OnChanged(call, reply);
                break;
            case null when call.Claims is not null:
                HeldClaims.OnRenewed(call, (RenewAnswer?)reply.Answer);
                break;
            case null when call.IsProbe || call.IsSignOfLife:
                Checking.OnProbed(call, (CheckAnswer?)reply.Answer);
                break;
            case null when call.Keys is not null:
                Checking.OnChecked(call, (CheckAnswer?)reply.Answer);
                break;
        }

        if (call.State is { } state)
            Kernel.Settle(state);
    }

    /// <summary>Sends a call about one key to the store.</summary>
    public void Issue(StoreCall call)
    {
        call.State!.Pending++;
        call.IsAwaited = true;
        call.HeardAtIssue = call.State.NewestHeard;
        call.Part = call.State.Part;
        call.LifeAtIssue = Kernel.Lives[call.Part];
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
        Kernel.Queue(new Retry(call, Now + delay));
    }

    public void Reissue(StoreCall call)
    {
        if (call.Request is not CommitRequest && Now - call.IssuedAt > Repeatable)
        {
            // After a pause: the store may have forgotten the first try, and a repeat would be a second change. It has failed, then.
            call.Attempt = GivenUp;
            OnReplied(new StoreReplied(call, null, StoreFault.NotSent));
            return;
        }

        call.State!.Pending--;
        call.Request = call.Request switch
        {
            ClaimRequest claim => claim with { ActiveFor = Left(claim.ActiveFor) },
            CommitRequest commit => commit with { Schedule = commit.Schedule with { ActiveFor = Left(commit.Schedule.ActiveFor), FreshFor = Left(commit.Schedule.FreshFor) } },
            var other => other,
        };
        Issue(call);

        // What was left of the key's activity, and of the value's life, at the last try is less by now.
        TimeSpan Left(TimeSpan then) => TimeSpan.FromTicks(Math.Max(0, then.Ticks - (Now - call.ActivityAt)));
    }

    /// <summary>A call that is repeated at its time.</summary>
    internal sealed class Retry(StoreCall call, long at) : Timed
    {
        public StoreCall Call { get; } = call;

        public override long NextDeadline { get; } = at;
    }
}
