using System.Runtime.InteropServices;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <summary>
/// Knows the promises and watches them: after each operation of the store against a model of its own, at each answer to a caller, at
/// each value that a memory shows, and once everything has come to rest.
/// </summary>
/// <remarks>Numbers in the messages are those of the promises in docs/design/architecture.md.</remarks>
internal sealed partial class Oracle(World world)
{
    private readonly Dictionary<string, KeyModel> _keys = [];
    private readonly Side _twin = new();
    private readonly Dictionary<SimNode, Side> _alone = [];
    private readonly Dictionary<OperationId, (long Token, int Partition)> _operations = [];
    private readonly HashSet<SimCall> _open = [];
    private readonly List<SimCall> _pending = [];
    private readonly HashSet<long> _used = [];
    private readonly Dictionary<(string Node, string Key), (long Token, int Epoch)> _shown = [];
    private long _epochBeganAt = long.MinValue;
    private long _values;
    private bool _clockStepped;
    private long _commitsRefusedAt = long.MinValue;
    private long _splitAt = long.MinValue;

    /// <summary>Whose store is looked at, where it is not the one that all have.</summary>
    private Side? _side;
    private int _dueClaims;
    private int _lateClaims;

    /// <summary>Marks that show that a path was taken: a test that never gets there proves nothing.</summary>
    public Dictionary<string, long> Marks { get; } = [];

    /// <summary>Whether any notification was lost, so that waits may take a lease.</summary>
    public bool NoticesLost { get; set; }

    public long NextValue() => ++_values;

    /// <summary>When a change was done in the store.</summary>
    public long AppliedAt(long token, string key) => Knowing(key, token).Applied.GetValueOrDefault(token, long.MinValue);

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

    /// <summary>The store has begun a new epoch: what it knew counts no longer, what nodes show does.</summary>
    public void NewEpoch(string how, int? part = null)
    {
        Mark(how);
        _epochBeganAt = world.Now;
        foreach (var (operation, (_, at)) in _operations)
        {
            if (part is null || at == part)
                _operations.Remove(operation);
        }

        foreach (var (operation, token) in world.Store.KnownOperations)
            _operations.Add(operation, token);
        foreach (var model in _keys.Values.Where(m => part is null || world.Store.PartitionOf(m.Key) == part))
        {
            model.ForgetEpoch(world.Now);
            if (world.Store.MachineOf(model.Key).Read(new ReadRequest { Key = model.Key }, world.Store.Clock).Record is not { } kept)
                continue;

            // What a replica knew goes on in its epoch.
            model.LastToken = model.NewestToken = kept.Token;
            model.Epochs[kept.Token] = world.Store.EpochOf(model.Key);
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

    /// <summary>A partition of the store was given back a record that it had lost.</summary>
    /// <param name="record">The record.</param>
    /// <param name="owner">Whose store it is; null: all nodes'.</param>
    public void Restored(RecoveryRecord record, SimNode? owner)
    {
        Mark("record restored");
        _side = owner is null ? null : _alone[owner];
        Restored(record);
        _side = null;
    }

    private void Restored(RecoveryRecord record)
    {
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
        model.Epochs[record.Token] = _side?.Epoch ?? world.Store.EpochOf(record.Key);
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

    /// <summary>A partition of the store has begun to live twice, or ended: what was done on one side is not known on the other, and is lost where it was the twin.</summary>
    public void Split(string how)
    {
        Mark(how);
        _epochBeganAt = _splitAt = world.Now;
        foreach (var model in _twin.Keys.Values)
            model.ForgetEpoch(world.Now);
        _twin.Operations.Clear();
        _twin.Epoch = world.Store.TwinEpoch;
        foreach (var node in world.Nodes)
            node.ForgetChanges();
    }

    public void Shows(SimNode node, Adopt adopt, SimValue value)
    {
        var model = Knowing(adopt.Key, adopt.Token);
        var place = (node.Id, adopt.Key);
        // An uncommitted value is new, but what it was based on may be unknown: it must not cover what memory knows better.
        var last = 0L;
        var life = model.Epochs.GetValueOrDefault(adopt.Token);
        var isOlder = adopt.Committed
            ? _shown.TryGetValue(place, out var before) && before.Epoch == life && adopt.Token < (last = before.Token)
            : world.Options.NewEpochEvery + world.Options.FailOverEvery + world.Options.SplitEvery + world.Options.PartitionLossEvery == 0 && node.Own is null && node.Memory.TryGetValue(adopt.Key, out var shown) && adopt.Token < (last = shown.Token);
        if (isOlder && !(_clockStepped && world.Options.FailOverEvery > 0))
            world.Fail($"6: {node.Id} goes back from token {last} to {adopt.Token} for {adopt.Key}");
        NotesShown(node, adopt.Key, value, adopt.Token);
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
        foreach (var node in world.Nodes.Where(n => n.Own is null))
        {
            foreach (var (key, shown) in node.Memory)
            {
                var model = Model(key);
                // A record that has ended, and whose like was never heard of: the node knows only that the store has none, and is making the next.
                var isCommitted = shown.Committed && node.Agent.Find(key) is not { Uncommitted: true };
                var isBehind = shown.Token < model.LastToken && (isCommitted || model.RecordEnds > world.Store.Clock);
                isBehind |= shown.Committed && model.RecordEnds > world.Store.Clock && model.Epochs.GetValueOrDefault(shown.Token) != world.Store.EpochOf(key);
                if (isBehind && model.LastOutcome < settled && shown.Since < settled)
                    world.Fail($"6: {node.Id} still shows token {shown.Token} of {key}; the store has {model.LastToken} since {model.LastOutcome / 10_000} ms");
                // A notification tells what is left of a lifetime; while it is carried (half a second at the most, here), that grows old.
                if (shown.Committed && model.Value is not null && shown.Token == model.LastToken
                    && model.RecordEnds + SimOptions.Millis(700) < world.Store.Clock && !_clockStepped)
                    world.Fail($"6: {node.Id} shows token {shown.Token} of {key} longer than the store holds it");
            }
        }

        foreach (var call in isOver ? _pending : [])
        {
            // It may have lost to anything newer, and to nothing else.
            if (Math.Max(_epochBeganAt, Model(call.Key).AcceptedAt) < call.AskedAt && !_clockStepped)
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
            if (node.Own?.LiveClaims(world.Store.Clock).Any() == true)
                world.Fail($"leftover in the store of {node.Id}: a claim");
            if (node.Agent.KeyCount != 0 || node.Memory.Count != 0)
                world.Fail($"leftover on {node.Id}: {node.Agent.KeyCount} keys, {node.Memory.Count} entries");
        }

        // A coordinator forgets a key whose readers it hears of too late, and then its nodes see to it: of few regenerations, most may be such.
        if (_dueClaims >= 12 && _lateClaims * 2 > _dueClaims)
            world.Fail($"2: {_lateClaims} of {_dueClaims} regenerations came later than their coordinator should have asked for");
        foreach (var left in world.Coordinators.Leftovers())
            world.Fail($"leftover at a coordinator: {left}");
        foreach (var (key, token, owner, _) in world.Store.LiveClaims())
            world.Fail($"leftover in the store: claim {token} of {key} by {owner}");
    }

    public void Mark(string what) =>
        CollectionsMarshal.GetValueRefOrAddDefault(Marks, what, out _)++;

    private KeyModel Model(string key) => Model(_side?.Keys ?? _keys, key);

    private static KeyModel Model(Dictionary<string, KeyModel> models, string key)
    {
        if (!models.TryGetValue(key, out var model))
            models.Add(key, model = new KeyModel(key));
        return model;
    }

    /// <summary>The model of the store that accepted a token, where there is more than one.</summary>
    private KeyModel Knowing(string key, long token)
    {
        var own = Model(key);
        if (own.Accepted.ContainsKey(token))
            return own;
        foreach (var keys in _alone.Values.Select(side => side.Keys).Prepend(_twin.Keys).Prepend(_keys))
        {
            if (keys.TryGetValue(key, out var other) && other.Accepted.ContainsKey(token))
                return other;
        }

        return own;
    }

    /// <summary>What is known of a store that only some nodes have.</summary>
    private sealed class Side
    {
        public Dictionary<string, KeyModel> Keys { get; } = [];

        public Dictionary<OperationId, (long Token, int Partition)> Operations { get; } = [];

        /// <summary>Its life's number, other than those of the parts that all have.</summary>
        public int Epoch { get; set; }
    }
}
