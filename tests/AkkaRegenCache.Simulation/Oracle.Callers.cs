using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <content>What callers ask for, and what they get.</content>
internal sealed partial class Oracle
{
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
        if (isOlder && call.ChangedBefore > _epochBeganAt && !(_clockStepped && call.ChangeWasPending))
            world.Fail($"5: {call} got {value}, older than a change at {call.ChangedBefore / 10_000} ms, asked for at {call.ChangeAskedBefore / 10_000} ms, that had returned on its node");
        if (!value.IsSet && value.MadeAt + call.Profile.Lifetime + SimOptions.Seconds(2) < world.Now && world.Options.PauseEvery + world.Options.ClockStepEvery + world.Options.FailOverEvery == 0)
            world.Fail($"4: {call} got {value}, made {(world.Now - value.MadeAt) / 10_000} ms ago; it lives {call.Profile.Lifetime / 10_000}");
        if (call.Kind == WaiterKind.Refresh && value.BornAt < call.AskedAt)
            world.Fail($"5: {call} got {value}, begun before it asked");
        var waited = world.Now - Math.Max(call.AskedAt, Math.Max(value.MadeAt, value.BornAt));
        if (MayNotWait(call) && waited > SimOptions.Millis(400))
            world.Fail($"4: {call} waited {waited / 10_000} ms for {value} that was there");
        if (world.Now > call.AskedAt)
            Mark($"waited {call.Kind}");
    }

    /// <summary>
    /// A caller was given what its node has made just now: that, or something newer, is what the node shows from now on, whatever becomes of it in the store. Not where
    /// something was changed or accepted meanwhile, by which it is overtaken, nor where the claim may have come to its end.
    /// </summary>
    public void Given(SimCall call, SimValue given, long token, SimValue? shown)
    {
        var (options, model) = (world.Options, Model(_alone.GetValueOrDefault(call.Node)?.Keys ?? _keys, call.Key));
        if (!options.StoreAnswers || options.PauseEvery + options.ClockStepEvery + options.FailOverEvery + options.NewEpochEvery + options.PartitionLossEvery + options.SplitEvery != 0)
            return;
        if (given.MadeAt < world.Now || given.BornAt < call.Node.OwnSince || model.LastToken > token || world.Now - given.BornAt > options.Lease)
            return;
        Mark("shown when given");
        if (shown is null || shown.BornAt < given.BornAt)
            world.Fail($"16: {call} was given {given}, and its node shows {shown?.ToString() ?? "nothing"}");
    }

    /// <summary>A node has asked the store for something under a claim.</summary>
    public void Uses(StoreCall call) => Uses((call.Request as ReleaseRequest)?.Token ?? 0);

    public void Uses(long claim) => _used.Add(claim);

    /// <summary>A claim was granted, and its node learned it late: it must be used or given back, and block nobody for its lease.</summary>
    public void GrantedLate(SimNode node, StoreCall call, ClaimAnswer answer)
    {
        Mark("granted late");
        world.After(SimOptions.Millis(900), () =>
        {
            // A change ends a claim.
            var state = node.Agent.Find(call.State!.Key);
            var isUnderWay = state is { Flight.Phase: FlightPhase.Claiming } || Model(call.State.Key).LastToken > answer.Token;
            var isOfThisEpoch = answer.Epoch == node.Agent.EpochOf(call.Partition) && answer.Epoch == $"life {world.Store.EpochOf(call.State.Key)}";
            if (node.IsAlive && !node.IsPaused && !isUnderWay && isOfThisEpoch && !_used.Contains(answer.Token))
                world.Fail($"18: {node.Id} learned late that it has claim {answer.Token} of {call.State.Key}, and keeps it");
        });
    }

    /// <summary>
    /// Whether a value that is there must reach the caller at once. Where notifications are lost, its coordinator brings it the outcome of the claim it
    /// waits for; but not of changes, which end that claim.
    /// </summary>
    private bool MayNotWait(SimCall call) => world.Options is { HasFaults: false, HasPlaces: false }
        || (world.Options.IsPushCertain && call.Kind == WaiterKind.Get && Model(call.Key).ChangedAt < call.AskedAt);

    public void AnsweredWithout(SimCall call, AnswerKind kind, GenerationFailure? failure)
    {
        if (!Close(call))
            return;
        Mark($"answered {kind}");
        var options = world.Options;
        var succeeded = Model(call.Key);
        if (call.Node.Own is null && long.TryParse(failure?.Message, out var failed) && failed != 0 && failed < succeeded.LastToken
            && succeeded.AcceptedAt < call.AskedAt && call.Node.Agent.Find(call.Key)?.NewestHeard > failed)
            world.Fail($"4: {call} got the failure of {failed}, though its node knew of a later success");
        switch (kind)
        {
            case AnswerKind.Missing when call.Kind == WaiterKind.Peek:
            case AnswerKind.NoGenerator when call.Kind == WaiterKind.Refresh:
            case AnswerKind.StoreFailed when options.HasFaults && call.Kind is WaiterKind.Set or WaiterKind.Remove:
            case AnswerKind.DeadlinePassed when options.Hangs > 0 || options.Long > 0 || options.PauseEvery > 0:
                break;
            case AnswerKind.Overloaded when options.MaximumQueued < int.MaxValue:
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
            if (call.Node.Own is null)
                _pending.Add(call);
            return;
        }

        if (!model.Accepted.ContainsKey(answered.Token))
            world.Fail($"5: {call} was told of token {answered.Token}, which the store never accepted");
        if (answered.Accepted && call.Kind == WaiterKind.Set && model.Accepted[answered.Token] is { } stored && stored != call.Value)
            world.Fail($"5: {call} was told that its value stays, but {stored} does");
        Mark(answered.Accepted ? "change accepted" : "change superseded");
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
}
