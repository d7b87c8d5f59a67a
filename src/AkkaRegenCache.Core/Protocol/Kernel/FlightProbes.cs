using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Protocol;

/// <summary>The wait probes of a flight that a generator waits for, or whose generator has waits. Most flights have none.</summary>
internal sealed class FlightProbes
{
    /// <summary>The first probes follow each other quickly, so that a lost one costs little. Later intervals grow.</summary>
    private const int QuickRounds = 3;

    /// <summary>With more waits than this for one run, the record of passed probes begins again.</summary>
    private const int MostInitiators = 1024;

    public static readonly long Pause = TimeSpan.FromMilliseconds(200).Ticks;

    private static readonly long s_longestPause = TimeSpan.FromSeconds(10).Ticks;

    private Dictionary<(string Initiator, long Wait), int>? _passed;
    private long _wakesFrom = long.MinValue;
    private int _sent;

    /// <summary>This node's number for the wait; 0: it has none yet.</summary>
    public long Wait { get; private set; }

    /// <summary>The last probe of this wait.</summary>
    public int Round { get; private set; }

    /// <summary>The round in which a circle was found first; 0: none.</summary>
    public int FoundIn { get; set; }

    /// <summary>When the next probe is due.</summary>
    public long At { get; set; } = long.MaxValue;

    /// <summary>The wait is for another claim: a circle found for the last one does not count.</summary>
    public void Begin(long wait)
    {
        Wait = wait;
        FoundIn = 0;
    }

    /// <summary>Another generator waits, too, or the awaited run may: the next probes are quick.</summary>
    public void Hasten(long at)
    {
        At = Math.Min(At, at);
        _sent = 0;
    }

    /// <summary>Begins a round and sets the time of the next one.</summary>
    public void BeginRound(long now)
    {
        Round++;
        _sent = Math.Min(_sent + 1, 16);
        At = now + (_sent < QuickRounds ? Pause : Math.Min(Pause << (_sent - QuickRounds + 1), s_longestPause));
    }

    /// <summary>Whether this run passes a probe on: each probe once, on whatever way it came.</summary>
    public bool Passes(WaitProbe probe)
    {
        _passed ??= [];
        if (_passed.TryGetValue((probe.Initiator, probe.Wait), out var last) && last >= probe.Round)
            return false;
        if (_passed.Count >= MostInitiators)
            _passed.Clear();
        _passed[(probe.Initiator, probe.Wait)] = probe.Round;
        return true;
    }

    /// <summary>Whether the run's waits are to be probed soon; false if that was just done.</summary>
    public bool Wakes(long now)
    {
        if (now < _wakesFrom)
            return false;
        _wakesFrom = now + Pause;
        return true;
    }
}
