using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <summary>The store as a participant: slow, unreachable, losing requests, losing answers after the work was done.</summary>
internal sealed class SimStore
{
    private readonly World _world;
    private readonly Dictionary<(string Node, string Key), (long Since, int Calls)> _asked = [];
    private readonly List<(StoreCall Call, long At, long When, int Partition)> _log = [];
    private readonly HashSet<(int Epoch, OperationId Operation)> _announced = [];
    private readonly StoreMachine[] _machines;
    private readonly int[] _epochs;
    private readonly HashSet<int> _lost = [];
    private StoreMachine? _twin;
    private HashSet<int> _twinPlaces = [];
    private int _twinPartition;
    private int _twins;
    private long _turnedBack;

    public SimStore(World world)
    {
        _world = world;
        _machines = new StoreMachine[world.Options.Partitions];
        _epochs = new int[world.Options.Partitions];
        for (var part = 0; part < _machines.Length; part++)
            _machines[part] = NewMachine(part);
    }

    /// <summary>The partition of a store that holds a key.</summary>
    public StoreMachine MachineOf(string key) => _machines[PartitionOf(key)];

    public int PartitionOf(string key) => key[0] == 'k' ? (key[1] - '0') % _machines.Length : 0;

    /// <summary>The node that holds a part has died.</summary>
    public void Lose(int part) => _lost.Add(part);

    public bool IsLost(int part) => _lost.Contains(part);

    public bool IsAnyLost => _lost.Count > 0;

    /// <summary>The part is there again, on another node.</summary>
    public void Find(int part) => _lost.Remove(part);

    /// <summary>Whether a part lives twice.</summary>
    public bool IsSplit => _twin is not null;

    /// <summary>Whether a node has the twin of a key's part.</summary>
    public bool HasTwin(SimNode node, string key) => _twin is not null && _twinPartition == PartitionOf(key) && _twinPlaces.Contains(node.Place);

    /// <summary>Some nodes have a part to themselves that knows nothing.</summary>
    public void Split(HashSet<int> places)
    {
        _twinPartition = _world.Random.Next(_machines.Length);
        _twinPlaces = places;
        _twin = new StoreMachine($"twin {++_twins}", TimeSpan.FromSeconds(10));
    }

    /// <summary>The twin, with all that it accepted, is gone.</summary>
    public void Heal() => _twin = null;

    /// <summary>An epoch's number, other than those of the partition itself.</summary>
    public int TwinEpoch => 1_000_000 + _twins;

    public IEnumerable<(string Key, long Token, string Owner, long LeaseEnds)> LiveClaims() => _machines.SelectMany(m => m.LiveClaims(Clock));

    /// <summary>Which epoch of its partition of the store a key lives in.</summary>
    public int EpochOf(string key) => _epochs[PartitionOf(key)];

    /// <summary>The store's clock: what virtual time says, from a date on.</summary>
    public long Clock => _world.Now + SimOptions.Seconds(1_700_000_000L) - _turnedBack;

    /// <summary>A restart without data of a part; where there is but one, half of the time with a clock that is behind.</summary>
    /// <param name="lost">The part; null: any.</param>
    /// <returns>The part.</returns>
    public int BeginEpoch(int? lost = null)
    {
        if (_machines.Length == 1 && _world.Random.Next(2) == 0)
            _turnedBack += SimOptions.Millis(_world.Random.Next(10_000)) + 7;
        var part = lost ?? _world.Random.Next(_machines.Length);
        _epochs[part]++;
        _machines[part] = NewMachine(part);
        _log.RemoveAll(l => l.Partition == part);
        KnownOperations.Clear();
        return part;
    }

    /// <summary>
    /// The store has no room, and lets something go, as Redis does that evicts from all keys: of an entry the value (or tombstone), all the
    /// rest, or both; or the first answers to operations.
    /// </summary>
    public void Evict()
    {
        var key = $"k{_world.Random.Next(_world.Options.Keys.Length)}";
        var what = _world.Random.Next(4);
        if (what == 3)
        {
            MachineOf(key).LoseOperations();
            _world.Oracle.OperationsLost();
        }
        else if (MachineOf(key).Lose(key, value: what != 1, state: what != 0))
        {
            _world.Oracle.StoreEvicted(key, value: what != 1, state: what != 0);
        }
    }

    /// <summary>A replica takes over that has not heard of the last second or so, and whose clock is another.</summary>
    public void FailOver()
    {
        var known = _world.Now - SimOptions.Millis(_world.Random.Next(1500));
        _turnedBack += SimOptions.Millis(_world.Random.Next(-20, 500));
        _log.RemoveAll(l => l.When > known);
        for (var part = 0; part < _machines.Length; part++)
        {
            _epochs[part]++;
            _machines[part] = NewMachine(part);
        }

        KnownOperations.Clear();
        foreach (var (call, at, _, _) in _log)
        {
            var answer = Do(call, at);
            var token = answer switch
            {
                ClaimAnswer { Outcome: ClaimOutcome.Granted } claim => claim.Token,
                ChangeAnswer { Accepted: true } change => change.Token,
                _ => 0,
            };
            if (token != 0)
                KnownOperations[((MutationRequest)call.Request!).Operation] = (token, call.Partition);
        }
    }

    /// <summary>What the replica that took over knew to be done, and under which token.</summary>
    public Dictionary<OperationId, (long Token, int Partition)> KnownOperations { get; } = [];

    /// <summary>Somebody sets the server's clock, or it sets itself.</summary>
    public void StepClock() => _turnedBack += SimOptions.Millis(_world.Random.Next(-3000, 3000));

    private StoreMachine NewMachine(int part) =>
        new StoreMachine($"life {_epochs[part]}", TimeSpan.FromSeconds(10)) { Omits = _world.Mutant?.OmitsInStore is { } omitted ? step => step == omitted : null };

    public void Ask(SimNode node, StoreCall call)
    {
        if (call.Request is { } request)
            CheckPatience(node, request);
        _world.Oracle.Uses(call);
        if (node.Own is { } own)
        {
            _world.After(1, () =>
            {
                var answer = Do(own, call, Clock);
                _world.Oracle.ExecutedAlone(node, call, answer);
                node.Deliver(Peer.Store, new StoreReplied(call, answer));
            });
            return;
        }

        var options = _world.Options;
        var random = _world.Random;
        var there = SimOptions.Millis(0.05 + random.NextDouble());
        var back = SimOptions.Millis(0.05 + random.NextDouble());
        if (_world.IsActive)
        {
            if (_lost.Contains(call.Partition))
            {
                // Some calls find out that nobody answers; the others aren't sent.
                if (random.Next(4) == 0)
                    Fail(node, call, call.Timeout, StoreFault.TimedOut);
                else
                    Fail(node, call, 0, StoreFault.Refused);
                return;
            }

            if (_world.IsOut(call) || _world.IsCutOff(node) || random.NextDouble() < options.RequestLost)
            {
                if (call.Request is CommitRequest && _world.IsPartlyOut)
                    _world.Oracle.CommitsRefused();

                // Some outages refuse at once, others let wait.
                if (random.Next(2) == 0)
                    Fail(node, call, there, _world.IsPartlyOut && random.Next(2) == 0 ? StoreFault.Refused : StoreFault.Failed);
                else
                    Fail(node, call, call.Timeout, StoreFault.TimedOut);
                return;
            }

            if (random.NextDouble() < options.Slow)
                there += SimOptions.Millis(random.Next(600));
            if (random.NextDouble() < options.AnswerLost)
            {
                _world.After(there, () => Execute(node, call));
                Fail(node, call, call.Timeout, StoreFault.TimedOut);
                return;
            }
        }

        if (there + back > call.Timeout)
        {
            // Given up before it was done: it is done all the same.
            Fail(node, call, call.Timeout, StoreFault.TimedOut);
            _world.After(there, () =>
            {
                if (Execute(node, call) is not ClaimAnswer { Outcome: ClaimOutcome.Granted } granted)
                    return;
                _world.After(back, () =>
                {
                    if (node.Own is not null)
                        return;
                    node.Deliver(Peer.Store, new LateGrant((ClaimCall)call, granted));
                    _world.Oracle.GrantedLate(node, call, granted);
                });
            });
            return;
        }

        _world.After(there, () =>
        {
            var answer = Execute(node, call);

            // A node that has gone on alone meanwhile can't be reached from here.
            _world.After(back, () => node.Deliver(
                Peer.Store, node.Own is null ? new StoreReplied(call, answer) : new StoreReplied(call, null, StoreFault.Failed)));
        });
    }

    /// <summary>A partition that has begun a new epoch is given what a node still shows: on the way that its messages to coordinators go.</summary>
    public void Restore(SimNode node, int part, RecordsRecovered kept)
    {
        if (node.Own is { } own)
            Restore(own, kept, node);
        else if (!node.IsAlone)
            _world.Coordinators.Carry((node, part), () => Restore(_machines[part], kept, null));
    }

    private void Restore(StoreMachine machine, RecordsRecovered kept, SimNode? owner)
    {
        if (kept.Epoch != machine.Epoch)
            return;
        foreach (var record in kept.Records)
        {
            if (machine.Restore(record, record.Payload!, Clock))
                _world.Oracle.Restored(record, owner);
        }
    }

    /// <summary>A node that asks for one key again and again is one that turns in a circle.</summary>
    private void CheckPatience(SimNode node, StoreRequest request)
    {
        var (since, calls) = _asked.GetValueOrDefault((node.Id, request.Key));
        if (_world.Now - since > SimOptions.Seconds(1))
            (since, calls) = (_world.Now, 0);
        _asked[(node.Id, request.Key)] = (since, ++calls);
        // Calls that waited for a change leave together, some time after their callers came.
        if (calls - (4 * node.CallsOf(request.Key, since - SimOptions.Seconds(1))) > (_world.Options.PauseEvery > 0 ? 200 : 40))
            _world.Fail($"2: {node.Id} asked the store {calls} times for {request.Key} within a second, lastly {request}");
    }

    private void Fail(SimNode node, StoreCall call, long after, StoreFault fault) =>
        _world.After(after, () => node.Deliver(Peer.Store, new StoreReplied(call, null, fault)));

    private StoreAnswer Execute(SimNode node, StoreCall call)
    {
        var isTwin = _twin is not null && call.Partition == _twinPartition && _twinPlaces.Contains(node.Place);
        var answer = Do(call, Clock, isTwin);
        if (_world.Options.FailOverEvery > 0 && !isTwin)
            Log(call, answer);
        _world.Oracle.Executed(call, answer, isTwin);
        if (call.Request is CommitRequest { Announcement: { } announcement } commit && _announced.Add((isTwin ? TwinEpoch : EpochOf(commit.Key), commit.Operation)))
            Announce(node, commit, announcement, (ChangeAnswer)answer);
        return answer;
    }

    /// <summary>What a replica hears: not what was asked, but what was done.</summary>
    private void Log(StoreCall call, StoreAnswer answer)
    {
        if (call is ReadCall or CheckCall || (call.Request is CommitRequest && answer is ChangeAnswer { Accepted: false }))
            return;
        var done = call.Request is CommitRequest commit ? new CommitCall(commit with { ClaimEpoch = "" }) { Partition = call.Partition } : call;
        _log.Add((done, Clock, _world.Now, call.Partition));
    }

    private void Announce(SimNode node, CommitRequest commit, CommitAnnouncement announcement, ChangeAnswer answer) => _world.Publish(
        node,
        new CacheNotification
        {
            Publisher = announcement.Publisher,
            Sequence = announcement.Sequence,
            Kind = answer.Accepted ? NotificationKind.Fresh : NotificationKind.Released,
            Epoch = answer.Epoch,
            Key = commit.Key,
            Token = commit.Token,
            Payload = answer.Accepted && announcement.WithValue ? commit.Payload : null,
            FreshFor = answer.Accepted ? commit.Schedule.FreshFor : default,
            DueIn = answer.DueIn,
            ActiveFor = answer.ActiveFor,
        });

    private StoreAnswer Do(StoreCall call, long now, bool isTwin = false)
    {
        IEnumerable<string> keys = call switch
        {
            RenewCall renew => renew.Claims.Select(c => c.Key),
            TouchCall touch => touch.Activities.Select(a => a.Key),
            CheckCall check => check.Keys,
            _ => [call.Request!.Key],
        };
        if (keys.Any(k => PartitionOf(k) != call.Partition))
            _world.Fail($"a call for part {call.Partition} has a key of another: {string.Join(',', keys)}");
        return Do(isTwin ? _twin! : _machines[call.Partition], call, now);
    }

    private static StoreAnswer Do(StoreMachine machine, StoreCall call, long now) => call switch
    {
        ReadCall read => machine.Read(read.Request, now),
        ClaimCall claim => machine.Claim(claim.Request, now),
        CommitCall commit => machine.Commit(commit.Request, now),
        ReleaseCall release => machine.Release(release.Request, now),
        WriteCall write => machine.Write(write.Request, now),
        InvalidateCall invalidate => machine.Invalidate(invalidate.Request, now),
        RenewCall renew => machine.Renew(renew.Claims, renew.Lease, now),
        TouchCall touch => machine.Touch(touch.Activities, now),
        CheckCall check => machine.Check(check.Keys, now),
        _ => throw new InvalidOperationException($"No operation for a {call.GetType().Name}."),
    };
}
