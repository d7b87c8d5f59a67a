namespace AkkaRegenCache.Storage;

/// <summary>
/// A circuit breaker for one partition of the store: refuses calls while the partition does not answer, except for a probe now and then. A
/// shard without a home must neither make the whole store count as down nor make callers wait. Thread-safe.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="isSuspect">
/// Whether partitions are likely to be unavailable, because a node died recently. Then the first timeout opens it.
/// </param>
internal sealed class PartitionGuard(TimeProvider time, Func<bool> isSuspect)
{
    /// <summary>The number of timeouts in a row that normally open it.</summary>
    public const int TimeoutsToRefuse = 2;

    /// <summary>How often an unavailable partition is probed.</summary>
    public static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private int _timeouts;
    private long _lastProbe;

    /// <summary>Whether a call may be sent. If the partition is unavailable, a permitted call is the probe.</summary>
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
            _timeouts = _timeouts == 0 && isSuspect() ? TimeoutsToRefuse : _timeouts + 1;
            if (_timeouts == TimeoutsToRefuse)
                _lastProbe = time.GetTimestamp();
        }
    }
}
