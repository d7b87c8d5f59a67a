using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <content>What the store does, against a model that is told from its answers alone.</content>
internal sealed partial class Oracle
{
    public void Executed(StoreCall call, StoreAnswer answer, bool isTwin)
    {
        _side = isTwin ? _twin : null;
        Executed(call, answer);
        _side = null;
    }

    private void Executed(StoreCall call, StoreAnswer answer)
    {
        switch (call.Request)
        {
            case ClaimRequest claim:
                OnClaim(claim, (ClaimAnswer)answer);
                break;
            case CommitRequest commit:
                OnCommit(commit, (ChangeAnswer)answer);
                break;
            case ReleaseRequest release:
                OnRelease(release, (ReleaseAnswer)answer);
                break;
            case WriteRequest write:
                OnChange(write, (ChangeAnswer)answer, (SimValue)write.Payload.Value!, write.Schedule);
                break;
            case InvalidateRequest invalidate:
                OnChange(invalidate, (ChangeAnswer)answer, null, null, invalidate.TombstoneFor.Ticks);
                break;
            case null when call is RenewCall renew:
                OnRenew(renew.Claims, (RenewAnswer)answer, renew.Lease.Ticks);
                break;
        }
    }

    /// <summary>The store gives claims and takes no results: whoever waits for the holder of one waits for nothing, for as long as that lasts.</summary>
    public void CommitsRefused() => _commitsRefusedAt = world.Now;

    private void OnClaim(ClaimRequest request, ClaimAnswer answer)
    {
        Mark($"claim {request.Reason} {answer.Outcome}");
        if (answer.Outcome == ClaimOutcome.BackingOff)
            CheckFailureIsNews(request);
        if (answer.Outcome != ClaimOutcome.Granted || IsRepeat(request, answer.Token))
            return;
        var model = Model(request.Key);
        var clock = world.Store.Clock;
        if (model.ClaimToken != 0 && model.LeaseEnds > clock && request.StealFrom == model.ClaimOwner)
            Mark("claim taken over");
        else if (model.ClaimToken != 0 && model.LeaseEnds > clock && !_clockStepped)
            world.Fail($"1: two live claims of {request.Key}: {model.ClaimToken} and {answer.Token}");
        if (model.ClaimToken != 0 && !world.Options.HasFaults)
            world.Fail($"2: the lease of {model.ClaimToken} of {request.Key} ran out without a fault");
        if (answer.Token <= model.NewestToken)
            world.Fail($"1: token {answer.Token} of {request.Key} after {model.NewestToken}");
        var isThere = model.RecordEnds > clock;
        if (request.Reason == ClaimReason.Due && isThere && (model.DueAt == 0 || model.DueAt > clock))
            world.Fail($"2: {request.Key} granted as due, {(model.DueAt - clock) / 10_000} ms too early");
        var limit = Model(_keys, request.Key).LastUse + world.Options.ProfileOf(request.Key).Retention + SimOptions.Millis(world.Options.HasFaults ? 1200 : 300);
        if (request.Reason == ClaimReason.Due && world.Now > limit && !_clockStepped && world.Options.FailOverEvery == 0)
            world.Fail($"2: {request.Key} regenerated {(world.Now - limit) / 10_000} ms after its retention");
        if (request.Reason == ClaimReason.Miss && isThere && model.Value is not null && model.LastToken >= request.ObservedToken && !_clockStepped)
            world.Fail($"2: {request.Key} granted as a miss, though token {model.LastToken} is fresh");
        CountLateness(request, model, clock);
        model.ClaimToken = model.NewestToken = answer.Token;
        model.ClaimOwner = request.Owner;
        model.ClaimedAt = world.Now;
        model.IsStolen = request.StealFrom is not null;
        model.LeaseEnds = clock + request.Lease.Ticks;
    }

    /// <summary>A failed attempt to make the next value answers nobody for whom the present one will do.</summary>
    private void CheckFailureIsNews(ClaimRequest request)
    {
        var model = Model(request.Key);
        var isFresh = model.Value is not null && model.RecordEnds > world.Store.Clock && model.LastToken >= request.ObservedToken;
        if (request.Reason == ClaimReason.Miss && isFresh && !_clockStepped)
            world.Fail($"3: a miss of {request.Key} was answered with a failure, though token {model.LastToken} is fresh");
    }

    /// <summary>With nothing in the way, a key is regenerated when its coordinator asks for it, not when the nodes' own timers do.</summary>
    private void CountLateness(ClaimRequest request, KeyModel model, long clock)
    {
        var wasInactive = model.ReturnedAt + (world.Store.Clock - world.Now) >= model.DueAt;
        if (request.Reason != ClaimReason.Due || !world.Options.IsScheduleCertain || model.DueAt == 0 || wasInactive)
            return;
        _dueClaims++;
        if (clock - model.DueAt > world.Options.ProfileOf(request.Key).Jitter + SimOptions.Millis(50))
            _lateClaims++;
    }

    /// <summary>
    /// A node has died. Where everything else is well, and its coordinator or the nodes themselves know, what it held and others wait for is taken over long
    /// before its lease ends.
    /// </summary>
    private void ExpectTakeOver(SimNode dead)
    {
        if (!world.Options.IsTakeOverCertain)
            return;
        var settled = world.Now - SimOptions.Millis(300);
        var diedAt = world.Now;
        foreach (var model in _keys.Values)
        {
            var token = model.ClaimToken;
            if (model.ClaimOwner != dead.Id || token == 0 || model.IsStolen || model.ClaimedAt > settled
                || model.LeaseEnds < world.Store.Clock + SimOptions.Millis(1000) || !IsAnyoneThere(model.Key))
                continue;
            var waiting = world.Nodes.Where(n => Waits(n, model.Key, token)).Select(n => (Node: n, n.Agent.Find(model.Key)!.Flight)).ToArray();
            if (waiting.Length == 0)
                continue;
            Mark(IsCoordinated(model.Key) ? "take-over expected" : "take-over expected without coordinator");
            world.After(SimOptions.Millis(700), () =>
            {
                var isDisturbed = world.LastCrash > diedAt || !IsAnyoneThere(model.Key);

                // Callers who came since are another flight's.
                var still = waiting.FirstOrDefault(w => w.Node.IsAlive && Waits(w.Node, model.Key, token) && w.Node.Agent.Find(model.Key)!.Flight == w.Flight).Node;
                if (!isDisturbed && model.ClaimToken == token && still is not null)
                    world.Fail($"4: {still.Id} still waits for claim {token} of {model.Key}, whose holder {dead.Id} is dead since {diedAt / 10_000} ms");
            });
        }

        bool IsCoordinated(string key) => world.Coordinators.SteadySince(key, dead.Place) <= settled;

        bool IsAnyoneThere(string key) => world.Options.NodesHearOfDeaths || IsCoordinated(key);
    }

    private static bool Waits(SimNode node, string key, long token) =>
        node.Agent.Find(key)?.Flight is { Phase: FlightPhase.Waiting, Waiters: not null } flight && flight.Awaited == token;

    private void OnRenew(IReadOnlyList<HeldClaim> claims, RenewAnswer answer, long lease)
    {
        for (var i = 0; i < claims.Count; i++)
        {
            var model = Model(claims[i].Key);
            Mark($"renew {answer.Outcomes[i]}");
            if (answer.Outcomes[i] != RenewOutcome.Held)
                continue;
            // What a replica knew of a lease may have ended by a clock that was set back afterwards.
            var isCertain = !(_clockStepped && world.Options.FailOverEvery > 0);
            if (isCertain && (model.ClaimToken != claims[i].Token || model.LeaseEnds <= world.Store.Clock))
                world.Fail($"1: claim {claims[i].Token} of {claims[i].Key} renewed after its end");
            model.LeaseEnds = Math.Max(model.LeaseEnds, world.Store.Clock + lease);
        }
    }

    private void OnCommit(CommitRequest request, ChangeAnswer answer)
    {
        Mark(answer.Accepted ? "commit accepted" : "commit superseded");
        if (!answer.Accepted || IsRepeat(request, answer.Token))
            return;
        var model = Model(request.Key);
        var clock = world.Store.Clock;
        var value = (SimValue)request.Payload.Value!;
        if (model.ClaimToken != request.Token || model.LeaseEnds <= clock)
            world.Fail($"1: {request.Key} committed under {request.Token}; the live claim is {model.ClaimToken}, its lease {(model.LeaseEnds - clock) / 10_000} ms");
        if (value.BornAt < model.ChangedAt)
            world.Fail($"5: {value} stored over a change at {model.ChangedAt / 10_000} ms");
        CheckGrid(model, request, answer, clock);
        Accept(model, answer.Token, value, clock + request.Schedule.FreshFor.Ticks);
        model.DueAt = answer.DueIn is { } due ? clock + due.Ticks : 0;
        model.Interval = request.Schedule.Interval?.Ticks ?? 0;
    }

    private void CheckGrid(KeyModel model, CommitRequest request, ChangeAnswer answer, long clock)
    {
        if (request.Schedule.Interval is not { } interval)
            return;
        if (answer.DueIn is not { } due || due < request.Schedule.MinimumForward)
        {
            world.Fail($"2: {request.Key} due in {answer.DueIn}, below the minimum of {request.Schedule.MinimumForward}");
            return;
        }

        var next = clock + due.Ticks;
        if (_clockStepped || model.DueAt == 0 || model.RecordEnds <= clock || model.Interval != interval.Ticks)
            return;
        Mark("schedule kept its grid");
        var isFirst = next == model.DueAt || next - interval.Ticks < Math.Max(clock + request.Schedule.MinimumForward.Ticks, clock + 1);
        if ((next - model.DueAt) % interval.Ticks != 0 || next < model.DueAt || !isFirst)
            world.Fail($"2: the schedule of {request.Key} drifts: {(next - model.DueAt) / 10_000} ms after the last target, interval {interval}");
    }

    private void OnRelease(ReleaseRequest request, ReleaseAnswer answer)
    {
        Mark(answer.Released ? "released" : "not released: contended");
        var model = Model(request.Key);
        if (!answer.Released || model.ClaimToken != request.Token)
            return;
        model.ClaimToken = 0;
        model.LastOutcome = world.Now;
    }

    private void OnChange(MutationRequest request, ChangeAnswer answer, SimValue? value, StoreSchedule? schedule, long tombstone = 0)
    {
        if (!answer.Accepted || IsRepeat(request, answer.Token))
            return;
        var model = Model(request.Key);
        var clock = world.Store.Clock;
        if (value is not null)
            value.BornAt = value.MadeAt = world.Now;
        Accept(model, answer.Token, value, clock + (schedule?.FreshFor.Ticks ?? tombstone));
        model.ChangedAt = world.Now;
        model.Applied[answer.Token] = world.Now;
        Model(_keys, request.Key).LastUse = world.Now;
        model.DueAt = answer.DueIn is { } due ? clock + due.Ticks : 0;
        model.Interval = schedule?.Interval?.Ticks ?? 0;
    }

    private void Accept(KeyModel model, long token, SimValue? value, long ends)
    {
        if (token <= model.LastToken)
            world.Fail($"1: token {token} of {model.Key} accepted after {model.LastToken}");
        model.LastToken = token;
        model.NewestToken = Math.Max(model.NewestToken, token);
        model.Accepted[token] = value;
        model.Epochs[token] = _side?.Epoch ?? world.Store.EpochOf(model.Key);
        model.Value = value;
        model.RecordEnds = ends;
        model.ClaimToken = 0;
        model.LastOutcome = model.AcceptedAt = world.Now;
    }

    private bool IsRepeat(MutationRequest request, long token)
    {
        var operation = request.Operation;
        var operations = _side?.Operations ?? _operations;
        if (operations.TryAdd(operation, (token, world.Store.PartitionOf(request.Key))))
            return false;
        Mark("operation repeated");

        // A store whose clock is set forward may forget it sooner than it should.
        if (operations[operation].Token != token && _clockStepped)
            return false;
        if (operations[operation].Token != token)
            world.Fail($"1: operation {operation} was done twice: tokens {operations[operation].Token} and {token}");
        return true;
    }
}
