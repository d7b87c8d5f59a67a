using AkkaRegenCache.FarmLab.Origin;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Tests;

/// <summary>
/// A run written by hand, in milliseconds: one key, two nodes, an interval of a second; to be judged by the checks as a real one would be.
/// </summary>
internal sealed class Recorded
{
    public const string Key = "k";

    private readonly List<SeenAnswer> _answers = [];
    private readonly List<SeenChange> _changes = [];
    private readonly List<Fault> _faults = [];
    private readonly List<OriginRun> _runs = [];
    private readonly List<AcceptedRecord> _accepted = [];
    private readonly List<long> _epochs = [];
    private readonly List<(string, Stall)> _stalls = [];
    private readonly Dictionary<long, LabValue> _values = [];

    public EntryLife Life { get; init; } = new(1000, 60_000, 500, 50);

    public static long At(double milliseconds) => LabClock.TicksOfMilliseconds(milliseconds);

    /// <summary>A run of the generator. Its token is the time of its claim in microseconds, as in a store whose clock is the lab's.</summary>
    public Recorded Run(long number, double begun, string node = "n1.1", double takes = 50, long? token = null, bool isAccepted = true, string key = Key)
    {
        token ??= (long)(begun * 1000);
        var ended = begun + takes;
        _runs.Add(new OriginRun(key, number, node, token.Value, At(begun), At(ended), false, false));
        _values[number] = LabValue.Of(key, number, token.Value, node, false, At(begun), At(ended));
        return isAccepted ? Accept(number, token.Value, ended + 1, isSet: false) : this;
    }

    public Recorded Accept(long number, long token, double at, bool isSet = false, bool isRemoved = false, double dueIn = 950, int life = 0)
    {
        var micros = (long)(at * 1000);
        _accepted.Add(new AcceptedRecord(
            Key, token, isRemoved, isRemoved ? 0 : number, isSet, isRemoved ? 0 : micros + (long)(dueIn * 1000),
            micros + ((Life.Interval + Life.Tolerance) * 1000L), At(at), micros, life));
        return this;
    }

    public Recorded Set(long number, double started, double returned, string node = "n1.1", bool isDone = true)
    {
        var token = (long)(started * 1000) + 1;
        _runs.Add(new OriginRun(Key, number, node, 0, At(started), At(started), false, true));
        _values[number] = LabValue.Of(Key, number, 0, node, true, At(started), At(started));
        _changes.Add(new SeenChange(node, "set", Key, At(started), At(returned), isDone, number, isDone ? token : 0, isDone ? null : "no"));
        return isDone ? Accept(number, token, started + 1, isSet: true) : this;
    }

    public Recorded Remove(double started, double returned, string node = "n1.1")
    {
        _changes.Add(new SeenChange(node, "remove", Key, At(started), At(returned), true, 0, 0, null));
        return Accept(0, (long)(started * 1000) + 1, started + 1, isRemoved: true);
    }

    public Recorded PendingRemoval(double started, double returned, string node)
    {
        _changes.Add(new SeenChange(node, "remove", Key, At(started), At(returned), false, 0, 0, null, IsPending: true));
        return this;
    }

    public Recorded Refresh(double started, double returned, string node = "n1.1")
    {
        _changes.Add(new SeenChange(node, "refresh", Key, At(started), At(returned), true, 0, 0, null));
        return this;
    }

    public Recorded Answer(long number, double asked, string node = "n1.1", double waited = 0)
    {
        _answers.Add(new SeenAnswer(node, Key, _values[number], At(asked), At(asked + waited) + 1, waited == 0, null));
        return this;
    }

    public Recorded Answer(LabValue value, double asked, string key = Key)
    {
        _answers.Add(new SeenAnswer("n1.1", key, value, At(asked), At(asked) + 1, true, null));
        return this;
    }

    public Recorded Fault(FaultKind kind, double from, double to, string node = "")
    {
        _faults.Add(new Fault(kind, node, At(from), At(to)));
        return this;
    }

    public Recorded Starved(string node, double from, double to)
    {
        _stalls.Add((node, new Stall(At(from), At(to))));
        return this;
    }

    public Recorded NewEpoch(double at)
    {
        _epochs.Add(At(at));
        return this;
    }

    public LabValue Value(long number) => _values[number];

    public LabLog Log => new()
    {
        Life = Life,
        Answers = _answers,
        Changes = _changes,
        Faults = _faults,
        Runs = _runs,
        Accepted = _accepted,
        NewEpochs = _epochs,
        Starvation = Starvation.Of(_stalls, _faults),
    };
}
