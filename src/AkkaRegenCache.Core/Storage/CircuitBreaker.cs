namespace AkkaRegenCache.Storage;

/// <summary>
/// Decides whether calls are sent to a store. After some failures in a row it sends a probe. If that fails too, it opens: only probes are
/// sent, one at a time and at a fixed interval, until any call succeeds. Deterministic: times are passed in. Not thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// If only one kind of operation fails, the first probe keeps it closed: a store that takes no writes can still be read.
/// </para>
/// <para>
/// The interval between probes is short and does not grow: a probe is one small call, and the sooner the store's return is noticed, the
/// shorter a farm is stale. The pattern is Michael Nygard's (Release It!, 2007).
/// </para>
/// </remarks>
/// <param name="threshold">The number of failures in a row that raise suspicion.</param>
/// <param name="breakFor">The interval between probes, in the caller's unit of time.</param>
internal sealed class CircuitBreaker(int threshold, long breakFor)
{
    private int _failures;
    private bool _isProbing;

    /// <summary>Whether the breaker is open.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>When the next probe is to be sent; <see cref="long.MaxValue"/>: none is.</summary>
    public long ProbeAt { get; private set; } = long.MaxValue;

    /// <summary>A probe is under way: no other one until it is answered.</summary>
    public void OnProbing()
    {
        _isProbing = true;
        ProbeAt = long.MaxValue;
    }

    /// <summary>A call succeeded.</summary>
    /// <param name="isProbe">Whether it was the probe.</param>
    /// <returns>Whether that closed the breaker.</returns>
    public bool OnSucceeded(bool isProbe)
    {
        var closes = IsOpen;
        IsOpen = false;
        _failures = 0;
        _isProbing &= !isProbe;
        ProbeAt = long.MaxValue;
        return closes;
    }

    /// <summary>A call failed.</summary>
    /// <param name="isProbe">
    /// Whether it was the probe. While the breaker is open, the failure of a call that was sent before is no news.
    /// </param>
    /// <param name="now">The time.</param>
    /// <returns>Whether that opened the breaker.</returns>
    public bool OnFailed(bool isProbe, long now)
    {
        _isProbing &= !isProbe;
        if (!IsOpen)
            _failures++;
        var opens = !IsOpen && isProbe && _failures > threshold;
        IsOpen |= opens;
        if (IsOpen && isProbe)
            ProbeAt = now + breakFor;
        else if (!IsOpen && _failures >= threshold && !_isProbing)
            ProbeAt = now;
        return opens;
    }
}
