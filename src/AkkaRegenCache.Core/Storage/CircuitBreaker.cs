namespace AkkaRegenCache.Storage;

/// <summary>
/// Tells whether a store is worth asking. After some failures in a row it sends a probe; where that fails too it opens: nothing is sent but further
/// probes, one at a time and a fixed while apart, until any call succeeds. Deterministic: times are handed in. Not thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// The first probe keeps it closed where only one kind of operation fails: a store that takes no writes can still be read.
/// </para>
/// <para>
/// A break is short and does not grow: a probe costs one small call, and the sooner the store's return is noticed, the shorter a farm is stale.
/// The pattern is Michael Nygard's (Release It!, 2007).
/// </para>
/// </remarks>
/// <param name="threshold">So many failures in a row raise doubt.</param>
/// <param name="breakFor">How long after a failed probe the next is sent, in the caller's unit of time.</param>
internal sealed class CircuitBreaker(int threshold, long breakFor)
{
    private int _failures;
    private bool _isProbing;

    /// <summary>Whether the store counts as down.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>When the next probe is to be sent; <see cref="long.MaxValue"/>: none is.</summary>
    public long ProbeAt { get; private set; } = long.MaxValue;

    /// <summary>The probe is on its way: no other until it is answered.</summary>
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
    /// <param name="isProbe">Whether it was the probe. While the breaker is open, failures of calls sent before say nothing new.</param>
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
