using AkkaRegenCache.FarmLab.Origin;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>Writes down what the controller sees. Thread-safe.</summary>
internal sealed class Journal
{
    private readonly Lock _gate = new();
    private readonly List<SeenAnswer> _answers = [];
    private readonly List<SeenChange> _changes = [];
    private readonly List<Fault> _faults = [];
    private readonly List<string> _lostRequests = [];
    private readonly List<(string Process, Stall Stall)> _stalls = [];
    private readonly long _begun = LabClock.Now;

    // One instance for each value: a hit that is read ten thousand times is kept once.
    private readonly Dictionary<LabValue, LabValue> _values = [];

    public void Add(ReadReply reply)
    {
        lock (_gate)
        {
            _stalls.AddRange(reply.Stalls.Select(stall => (reply.Node, stall)));
            foreach (var answer in reply.Answers)
            {
                var value = answer.Value;
                if (value is not null && !_values.TryAdd(value, value))
                    value = _values[value];
                _answers.Add(new SeenAnswer(
                    reply.Node, string.Intern(answer.Key), value, answer.Asked, answer.Completed, answer.IsHit, answer.Error));
            }
        }
    }

    public void Add(string node, string kind, string key, ChangeReply reply)
    {
        lock (_gate)
        {
            _changes.Add(new SeenChange(
                node, kind, key, reply.Started, reply.Returned, reply.Error is null && reply.Accepted,
                kind == "set" ? reply.Value?.Number ?? 0 : 0, reply.Token, reply.Error, reply.IsPending));
        }
    }

    /// <summary>A change whose answer was lost with its node: it may have been done.</summary>
    public void AddLost(string node, string kind, string key, long started)
    {
        lock (_gate)
            _changes.Add(new SeenChange(node, kind, key, started, LabClock.Now, false, 0, 0, "no answer"));
    }

    /// <summary>A request to a node with nothing wrong with it that got no answer.</summary>
    public void AddLostRequest(string what)
    {
        lock (_gate)
            _lostRequests.Add(what);
    }

    public IReadOnlyList<string> LostRequests
    {
        get
        {
            lock (_gate)
                return [.. _lostRequests];
        }
    }

    /// <summary>Begins a fault.</summary>
    /// <returns>Ends it.</returns>
    public Action Begin(FaultKind kind, string node = "", long? from = null)
    {
        var fault = new Fault(kind, node, from ?? LabClock.Now, long.MaxValue);
        lock (_gate)
            _faults.Add(fault);
        return () =>
        {
            lock (_gate)
                _faults[_faults.IndexOf(fault)] = fault with { To = LabClock.Now };
        };
    }

    public int AnswerCount
    {
        get
        {
            lock (_gate)
                return _answers.Count;
        }
    }

    /// <summary>Answers from a position on.</summary>
    public IReadOnlyList<SeenAnswer> AnswersFrom(int start)
    {
        lock (_gate)
            return _answers[start..];
    }

    public LabLog Snapshot(EntryLife life, OriginLog.Reader runs, RedisWitness? witness)
    {
        lock (_gate)
        {
            var log = new LabLog
            {
                Life = life,
                Answers = [.. _answers],
                Changes = [.. _changes],
                Faults = [.. _faults],
                Starvation = Starvation.Of([.. _stalls, .. StallMeter.Own.Since(_begun).Select(stall => (Starvation.Lab, stall))], _faults),
                Runs = runs.Read(),
                Accepted = witness?.Accepted,
                NewEpochs = witness?.NewEpochs ?? [],
            };
            if (witness is not null)
                return log with { ToLabTime = witness.ToLabTime };

            // Nobody hears when a shard begins again: about when its node dies, and again when it is back.
            return log with { NewEpochs = [.. _faults.Where(fault => fault.Kind == FaultKind.StoreLost).SelectMany(fault => (long[])[fault.From, fault.To])] };
        }
    }
}
