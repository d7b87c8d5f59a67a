using System.Runtime.InteropServices;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <summary>
/// Knows the promises and watches them: after each operation of the store against a model of its own, at each answer to a caller, at
/// each value that a memory shows, and once everything has come to rest.
/// </summary>
/// <remarks>Numbers in the messages are those of the promises in docs/architecture.md.</remarks>
internal sealed class Oracle(World world)
{
    private readonly Dictionary<string, KeyModel> _keys = [];
    private readonly Dictionary<string, KeyModel> _twins = [];
    private readonly Dictionary<OperationId, (long Token, int Part)> _operations = [];
    private readonly Dictionary<OperationId, (long Token, int Part)> _twinOperations = [];
    private readonly HashSet<SimCall> _open = [];
    private readonly List<SimCall> _pending = [];
    private readonly Dictionary<(string Node, string Key), (long Token, int Life)> _shown = [];
    private long _lifeBeganAt = long.MinValue;
    private long _values;
    private bool _clockStepped;
    private long _commitsRefusedAt = long.MinValue;
    private long _splitAt = long.MinValue;
    private bool _isTwin;
    private int _dueClaims;
    private int _lateClaims;

    /// <summary>Marks that show that a path was taken: a test that never gets there proves nothing.</summary>
    public Dictionary<string, long> Marks { get; } = [];

    /// <summary>Whether any notification was lost, so that waits may take a lease.</summary>
    public bool NoticesLost { get; set; }

    public long NextValue() => ++_values;

    /// <summary>When a change was done in the store.</summary>
    public long AppliedAt(long token, string key) => Knowing(key, token).Applied.GetValueOrDefault(token, long.MinValue);

    public void Asked(SimCall call)
    {
        _open.Add(call);
        Mark($"asked {call.Kind}");
        var model = Model(call.Key);
        if (world.Now - model.LastUse > call.Profile.Retention - SimOptions.Millis(1500))
            model.ReturnedAt = world.Now;
        model.LastUse = Math.Max(model.LastUse, world.Now);
        if (call.Kind is WaiterKind.Set or WaiterKind.Remove)
            model.ChangeAskedAt = world.Now;
    }

    public void Cancelled(SimCall call) => Close(call);

    public void Crashed(SimNode node)
    {
        _open.RemoveWhere(c => c.Node == node);
        _pending.RemoveAll(c => c.Node == node);
        Mark("crashed");
        ExpectTakeOver(node);
    }

    public void Began(SimRun run)
    {
        Mark(run.Message.Token == 0 ? "ran locally" : "ran");
        if (!world.Options.HasFaults && run.Message.Token == 0)
            world.Fail($"4: {run.Message.Key} ran without the store, though it answers");
    }

    public void Ended(SimRun run) => Model(run.Message.Key).RunEndedAt = world.Now;

    public void Made(SimRun run, SimValue value)
    {
        value.MadeAt = world.Now;
        if (run.IsCancelled)
            Mark("made though cancelled");
    }

    /// <summary>The store has begun a new life: what it knew counts no longer, what nodes show does.</summary>
    public void NewLife(string how, int? part = null)
    {
        Mark(how);
        _lifeBeganAt = world.Now;
        foreach (var (operation, (_, at)) in _operations)
        {
            if (part is null || at == part)
                _operations.Remove(operation);
        }

        foreach (var (operation, token) in world.Store.KnownOperations)
            _operations.Add(operation, token);
        foreach (var model in _keys.Values.Where(m => part is null || world.Store.PartOf(m.Key) == part))
        {
            model.ForgetLife(world.Now);
            if (world.Store.MachineOf(model.Key).Read(new ReadRequest { Key = model.Key }, world.Store.Clock).Record is not { } kept)
                continue;

            // What a replica knew goes on in its life.
            model.LastToken = model.NewestToken = kept.Token;
            model.Lives[kept.Token] = world.Store.LifeOf(model.Key);
            model.Value = (SimValue?)kept.Payload?.Value;
            model.RecordEnds = world.Store.Clock + kept.FreshFor.Ticks;
            model.DueAt = kept.DueIn is { } due ? world.Store.Clock + due.Ticks : 0;
        }

        foreach (var (key, token, owner, ends) in world.Store.LiveClaims())
        {
            var model = Model(key);
            model.ClaimOwner = owner;
            model.ClaimToken = token;
            model.LeaseEnds = ends;
            model.NewestToken = Math.Max(model.NewestToken, token);
        }
    }

    /// <summary>A part of the store was given back a record that it had lost.</summary>
    public void Restored(KeptRecord record)
    {
        Mark("record restored");
        var model = Model(record.Key);
        var clock = world.Store.Clock;
        var isSame = record.Token == model.LastToken && model.RecordEnds <= clock;
        if (record.Token <= model.LastToken && !isSame)
            world.Fail($"6: token {record.Token} of {record.Key} restored over {model.LastToken}");
        if (!Knowing(record.Key, record.Token).Accepted.TryGetValue(record.Token, out var accepted) || accepted != record.Payload!.Value)
            world.Fail($"1: {record.Payload!.Value} restored under token {record.Token}, which the store accepted for {accepted}");
        model.Accepted[record.Token] = (SimValue?)record.Payload.Value;
        model.LastToken = record.Token;
        model.NewestToken = Math.Max(model.NewestToken, record.Token);
        model.Lives[record.Token] = world.Store.LifeOf(record.Key);
        model.Value = (SimValue?)record.Payload.Value;
        model.RecordEnds = clock + record.FreshFor.Ticks;
        model.DueAt = record.DueIn is { } due ? Math.Max(1, clock + due.Ticks) : 0;
        model.Interval = record.Interval.Ticks;
        model.LastOutcome = world.Now;
    }

    /// <summary>The store's clock was set: how long something lasts there, and what is older than what, isn't certain any more.</summary>
    public void ClockStepped()
    {
        Mark("clock of the store stepped");
        _clockStepped = true;
    }

    /// <summary>A part of the store has begun to live twice, or ended: what was done on one side is not known on the other, and is lost where it was the twin.</summary>
    public void Split(string how)
    {
        Mark(how);
        _lifeBeganAt = _splitAt = world.Now;
        foreach (var model in _twins.Values)
            model.ForgetLife(world.Now);
        _twinOperations.Clear();
        foreach (var node in world.Nodes)
            node.ForgetChanges();
    }

    public void Executed(StoreCall call, StoreAnswer answer, bool isTwin)
    {
        _isTwin = isTwin;
        Executed(call, answer);
        _isTwin = false;
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
            case null when call.Claims is { } claims:
                OnRenew(claims, (RenewAnswer)answer, call.Lease.Ticks);
                break;
        }
    }

    public void Shows(SimNode node, Adopt adopt, SimValue value)
    {
        var model = Knowing(adopt.Key, adopt.Token);
        var place = (node.Id, adopt.Key);
        // An uncommitted value is new, but what it was based on may be unknown: it must not cover what memory knows better.
        var last = 0L;
        var life = model.Lives.GetValueOrDefault(adopt.Token);
        var isOlder = adopt.Committed
            ? _shown.TryGetValue(place, out var before) && before.Life == life && adopt.Token < (last = before.Token)
            : world.Options.NewLifeEvery + world.Options.FailOverEvery + world.Options.SplitEvery + world.Options.PartLossEvery == 0 && node.Memory.TryGetValue(adopt.Key, out var shown) && adopt.Token < (last = shown.Token);
        if (isOlder && !(_clockStepped && world.Options.FailOverEvery > 0))
            world.Fail($"6: {node.Id} goes back from token {last} to {adopt.Token} for {adopt.Key}");
        if (!adopt.Committed)
        {
            Mark("shows uncommitted");
            return;
        }

        _shown[place] = (adopt.Token, life);

        if (!model.Accepted.TryGetValue(adopt.Token, out var accepted))
            world.Fail($"1: {node.Id} shows token {adopt.Token} of {adopt.Key}, which the store never accepted");
        else if (accepted is null && value.IsSet)
            value.BornAt = Math.Max(value.BornAt, model.Applied[adopt.Token]);
        else if (accepted != value)
            world.Fail($"1: {node.Id} shows {value} under token {adopt.Token}, which the store accepted for {accepted}");
    }

    /// <summary>The store gives claims and takes no results: whoever waits for the holder of one waits for nothing, for as long as that lasts.</summary>
    public void CommitsRefused() => _commitsRefusedAt = world.Now;

    /// <summary>
    /// The time of a value that a memory showed is over, though it has been read there all the time: the next reader waits. Where generators bring values
    /// and the tolerance bridges the worst that strikes here, there is a newer one before.
    /// </summary>
    /// <param name="node">The node.</param>
    /// <param name="key">The key.</param>
    /// <param name="shown">What was shown.</param>
    /// <param name="readSince">Since when callers there have read it.</param>
    public void RanOut(SimNode node, string key, SimNode.Shown shown, long readSince)
    {
        var model = Model(key);
        var profile = world.Options.ProfileOf(key);
        Mark("ran out");
        if (world.Options.Bridges(profile) && profile.IsScheduled && Math.Max(readSince, shown.InMemorySince) < world.Now - profile.Tolerance - SimOptions.Seconds(1)
            && Math.Max(Math.Max(model.ChangeAskedAt, _commitsRefusedAt), _splitAt) < shown.Since - SimOptions.Seconds(1))
            world.Fail($"3: {node.Id} shows {key} no longer, though it is read there since {readSince / 10_000} ms");
    }

    public void Answered(SimCall call, SimValue value)
    {
        // Whoever was answered from memory has read it now, not when it asked.
        var model = Model(call.Key);
        model.LastUse = Math.Max(model.LastUse, world.Now);
        if (!Close(call))
            return;
        if (value.Key != call.Key)
            world.Fail($"4: {call} got {value}");
        // A set that the store hasn't taken has but the time at which it was asked for.
        var isOlder = value.BornAt < call.ChangedBefore && (!value.IsSet || value.AskedAt < call.ChangeAskedBefore);
        if (isOlder && call.ChangedBefore > _lifeBeganAt && !(_clockStepped && call.ChangeWasPending))
            world.Fail($"5: {call} got {value}, older than a change at {call.ChangedBefore / 10_000} ms, asked for at {call.ChangeAskedBefore / 10_000} ms, that had returned on its node");
        if (!value.IsSet && value.MadeAt + call.Profile.Life + SimOptions.Seconds(2) < world.Now && world.Options.PauseEvery + world.Options.ClockStepEvery + world.Options.FailOverEvery == 0)
            world.Fail($"4: {call} got {value}, made {(world.Now - value.MadeAt) / 10_000} ms ago; it lives {call.Profile.Life / 10_000}");
        if (call.Kind == WaiterKind.Refresh && value.BornAt < call.AskedAt)
            world.Fail($"5: {call} got {value}, begun before it asked");
        var waited = world.Now - Math.Max(call.AskedAt, Math.Max(value.MadeAt, value.BornAt));
        if (MayNotWait(call) && waited > SimOptions.Millis(400))
            world.Fail($"4: {call} waited {waited / 10_000} ms for {value} that was there");
        if (world.Now > call.AskedAt)
            Mark($"waited {call.Kind}");
    }

    /// <summary>
    /// Whether a value that is there must reach the caller at once. Where notifications are lost, its coordinator brings it the outcome of the claim it
    /// waits for; but not of changes, which end that claim.
    /// </summary>
    private bool MayNotWait(SimCall call) => !world.Options.HasFaults
        || (world.Options.IsPushCertain && call.Kind == WaiterKind.Get && Model(call.Key).ChangedAt < call.AskedAt);

    public void AnsweredWithout(SimCall call, AnswerKind kind, GenerationFailure? failure)
    {
        if (!Close(call))
            return;
        Mark($"answered {kind}");
        var options = world.Options;
        var succeeded = Model(call.Key);
        if (long.TryParse(failure?.Message, out var failed) && failed != 0 && failed < succeeded.LastToken
            && succeeded.AcceptedAt < call.AskedAt && call.Node.Agent.Find(call.Key)?.NewestHeard > failed)
            world.Fail($"4: {call} got the failure of {failed}, though its node knew of a later success");
        switch (kind)
        {
            case AnswerKind.Missing when call.Kind == WaiterKind.Peek:
            case AnswerKind.NoGenerator when call.Kind == WaiterKind.Refresh:
            case AnswerKind.StoreFailed when options.HasFaults && call.Kind is WaiterKind.Set or WaiterKind.Remove:
            case AnswerKind.DeadlinePassed when options.Hangs > 0 || options.Long > 0 || options.PauseEvery > 0:
                break;
            case AnswerKind.TimedOut:
                if (world.Now - call.AskedAt < call.Profile.HardTimeout * 0.99)
                    world.Fail($"4: {call} timed out early");
                break;
            case AnswerKind.Failed when options.Fails > 0 || options.Hangs > 0 || options.Long > 0 || options.PauseEvery > 0:
                var waited = world.Now - Math.Max(call.AskedAt, Model(call.Key).RunEndedAt);
                if (MayNotWait(call) && waited > SimOptions.Millis(400))
                    world.Fail($"4: {call} waited {waited / 10_000} ms for a failure that was there");
                break;
            default:
                world.Fail($"4: {call} was answered {kind}");
                break;
        }
    }

    public void Changed(SimCall call, Answered answered)
    {
        if (!Close(call))
            return;
        var model = Knowing(call.Key, answered.Token);
        if (answered.IsPending)
        {
            Mark("change pending");
            if (!world.Options.HasFaults && !call.Profile.BackgroundWrites)
                world.Fail($"5: {call} is pending, though the store answers");
            if (world.Now - call.AskedAt > SimOptions.Millis(410) && world.Options.PauseEvery == 0)
                world.Fail($"4: {call} waited {(world.Now - call.AskedAt) / 10_000} ms for a store that doesn't answer");
            _pending.Add(call);
            return;
        }

        if (!model.Accepted.ContainsKey(answered.Token))
            world.Fail($"5: {call} was told of token {answered.Token}, which the store never accepted");
        if (answered.Accepted && call.Kind == WaiterKind.Set && model.Accepted[answered.Token] is { } stored && stored != call.Value)
            world.Fail($"5: {call} was told that its value stays, but {stored} does");
        Mark(answered.Accepted ? "change accepted" : "change superseded");
    }

    /// <summary>
    /// All memories agree with the store: some time after the last fault; and all along, within a longer time, where nothing worse happens
    /// than that notifications are lost.
    /// </summary>
    public void CheckConverged()
    {
        // Of whom nothing was ever heard nothing can be missed: then only the comparison of each minute finds what is behind.
        var isOver = world.Now >= world.Options.Active + SimOptions.Seconds(world.Options.NoticeLost >= 1 ? 68 : world.Options.SplitEvery > 0 ? 16 : 8);
        if (!isOver && (!world.Options.LosesNoticesOnly || world.Options.NoticeLost >= 1))
            return;
        var settled = world.Now - SimOptions.Seconds(isOver ? 3 : 9);
        foreach (var node in world.Nodes)
        {
            foreach (var (key, shown) in node.Memory)
            {
                var model = Model(key);
                // A record that has ended, and whose like was never heard of: the node knows only that the store has none, and is making the next.
                var isCommitted = shown.Committed && node.Agent.Find(key) is not { Uncommitted: true };
                var isBehind = shown.Token < model.LastToken && (isCommitted || model.RecordEnds > world.Store.Clock);
                isBehind |= shown.Committed && model.RecordEnds > world.Store.Clock && model.Lives.GetValueOrDefault(shown.Token) != world.Store.LifeOf(key);
                if (isBehind && model.LastOutcome < settled && shown.Since < settled)
                    world.Fail($"6: {node.Id} still shows token {shown.Token} of {key}; the store has {model.LastToken} since {model.LastOutcome / 10_000} ms");
                // A notification tells what is left of a life; while it is carried (half a second at the most, here), that grows old.
                if (shown.Committed && model.Value is not null && shown.Token == model.LastToken
                    && model.RecordEnds + SimOptions.Millis(700) < world.Store.Clock && !_clockStepped)
                    world.Fail($"6: {node.Id} shows token {shown.Token} of {key} longer than the store holds it");
            }
        }

        foreach (var call in isOver ? _pending : [])
        {
            // It may have lost to anything newer, and to nothing else.
            if (Math.Max(_lifeBeganAt, Model(call.Key).AcceptedAt) < call.AskedAt && !_clockStepped)
                world.Fail($"5: {call} was pending and is lost");
        }

        foreach (var call in _open)
        {
            if (call.Profile.HardTimeout < world.Now - call.AskedAt - SimOptions.Seconds(10))
                world.Fail($"4: {call} is past its hard timeout and not answered");
        }
    }

    /// <summary>At the end nothing is left over.</summary>
    public void CheckAtRest()
    {
        if (_open.FirstOrDefault() is { } call)
            world.Fail($"4: {call} was never answered ({_open.Count} such)");
        foreach (var node in world.Nodes)
        {
            if (node.Agent.Leftovers().FirstOrDefault() is { } left)
                world.Fail($"leftover on {node.Id}: {left}");
            if (node.Agent.KeyCount != 0 || node.Memory.Count != 0)
                world.Fail($"leftover on {node.Id}: {node.Agent.KeyCount} keys, {node.Memory.Count} entries");
        }

        if (_dueClaims >= 8 && _lateClaims * 2 > _dueClaims)
            world.Fail($"2: {_lateClaims} of {_dueClaims} regenerations came later than their coordinator should have asked for");
        foreach (var left in world.Coordinators.Leftovers())
            world.Fail($"leftover at a coordinator: {left}");
        foreach (var (key, token, owner, _) in world.Store.LiveClaims())
            world.Fail($"leftover in the store: claim {token} of {key} by {owner}");
    }

    private void OnClaim(ClaimRequest request, ClaimAnswer answer)
    {
        Mark($"claim {request.Reason} {answer.Outcome}");
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
            var waiting = world.Nodes.Where(n => Waits(n, model.Key, token)).ToArray();
            if (waiting.Length == 0)
                continue;
            Mark(IsCoordinated(model.Key) ? "take-over expected" : "take-over expected without coordinator");
            world.After(SimOptions.Millis(700), () =>
            {
                var isDisturbed = world.LastCrash > diedAt || !IsAnyoneThere(model.Key);
                if (!isDisturbed && model.ClaimToken == token && waiting.FirstOrDefault(n => n.IsAlive && Waits(n, model.Key, token)) is { } still)
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
        model.Lives[token] = _isTwin ? world.Store.TwinLife : world.Store.LifeOf(model.Key);
        model.Value = value;
        model.RecordEnds = ends;
        model.ClaimToken = 0;
        model.LastOutcome = model.AcceptedAt = world.Now;
    }

    private bool IsRepeat(MutationRequest request, long token)
    {
        var operation = request.Operation;
        var operations = _isTwin ? _twinOperations : _operations;
        if (operations.TryAdd(operation, (token, world.Store.PartOf(request.Key))))
            return false;
        Mark("operation repeated");

        // A store whose clock is set forward may forget it sooner than it should.
        if (operations[operation].Token != token && _clockStepped)
            return false;
        if (operations[operation].Token != token)
            world.Fail($"1: operation {operation} was done twice: tokens {operations[operation].Token} and {token}");
        return true;
    }

    private bool Close(SimCall call)
    {
        if (!_open.Remove(call))
        {
            if (!call.IsAnswered)
                world.Fail($"4: {call} is not known");
            return false;
        }

        call.IsAnswered = true;
        return true;
    }

    public void Mark(string what) =>
        CollectionsMarshal.GetValueRefOrAddDefault(Marks, what, out _)++;

    private KeyModel Model(string key) => Model(_isTwin ? _twins : _keys, key);

    private static KeyModel Model(Dictionary<string, KeyModel> models, string key)
    {
        if (!models.TryGetValue(key, out var model))
            models.Add(key, model = new KeyModel(key));
        return model;
    }

    /// <summary>The model of the side of a split that accepted a token.</summary>
    private KeyModel Knowing(string key, long token) =>
        !Model(key).Accepted.ContainsKey(token) && _twins.TryGetValue(key, out var twin) && twin.Accepted.ContainsKey(token) ? twin : Model(key);

    /// <summary>What the store must hold of a key, told from its answers and nothing else.</summary>
    private sealed class KeyModel(string key)
    {
        public string Key { get; } = key;

        public long LastToken { get; set; }

        public long NewestToken { get; set; }

        public SimValue? Value { get; set; }

        public long RecordEnds { get; set; }

        public long DueAt { get; set; }

        public long Interval { get; set; }

        public long ClaimToken { get; set; }

        public long LeaseEnds { get; set; }

        public string ClaimOwner { get; set; } = "";

        public long ClaimedAt { get; set; }

        /// <summary>Whether it was taken over: then it is not again, within its first lease.</summary>
        public bool IsStolen { get; set; }

        public long ChangedAt { get; set; } = long.MinValue;

        public long ChangeAskedAt { get; set; } = long.MinValue;

        public long LastOutcome { get; set; } = long.MinValue;

        public long AcceptedAt { get; set; } = long.MinValue;

        public long RunEndedAt { get; set; } = long.MinValue;

        public long LastUse { get; set; } = long.MinValue / 2;

        /// <summary>When it was asked for after so long that it might not have been made any more.</summary>
        public long ReturnedAt { get; set; } = long.MinValue / 2;

        public Dictionary<long, SimValue?> Accepted { get; } = [];

        /// <summary>In which life of the store each token was accepted.</summary>
        public Dictionary<long, int> Lives { get; } = [];

        public void ForgetLife(long now)
        {
            LastToken = NewestToken = ClaimToken = LeaseEnds = RecordEnds = DueAt = 0;
            Value = null;
            ChangedAt = long.MinValue;
            LastOutcome = AcceptedAt = now;
        }

        public Dictionary<long, long> Applied { get; } = [];
    }
}
