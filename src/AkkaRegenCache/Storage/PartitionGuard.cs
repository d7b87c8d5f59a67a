namespace AkkaRegenCache.Storage;

/// <summary>
/// Refuses calls to a partition of the store that doesn't answer, but for a probe now and then: a shard without a home must not make the whole store count as
/// down, nor callers wait. Thread-safe.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="isDoubtful">Whether parts are likely to be away: a node has died lately. Then the first timeout counts.</param>
internal sealed class PartitionGuard(TimeProvider time, Func<bool> isDoubtful)
{
    /// <summary>After so many timeouts in a row a part counts as away, as a rule.</summary>
    public const int TimeoutsToRefuse = 2;

    /// <summary>How often a part that is away is probed.</summary>
    public static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private int _timeouts;
    private long _lastProbe;

    /// <summary>Whether a call may be made; a true answer for a part that is away makes it the probe.</summary>
    public bool MayAsk()
    {
        lock (_gate)
        {
            if (_timeouts < TimeoutsToRefuse)
                return true;
            if (time.GetElapsedTime(_lastProbe) < ProbeInterval)
                return false;
            _lastProbe = time.GetTimestamp();
            return true;
        }
    }

    public void OnAnswer()
    {
        if (Volatile.Read(ref _timeouts) == 0)
            return;
        lock (_gate)
            _timeouts = 0;
    }

    public void OnTimeout()
    {
        lock (_gate)
        {
            _timeouts = _timeouts == 0 && isDoubtful() ? TimeoutsToRefuse : _timeouts + 1;
            if (_timeouts == TimeoutsToRefuse)
                _lastProbe = time.GetTimestamp();
        }
    }
}
