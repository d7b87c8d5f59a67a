namespace AkkaRegenCache.Storage;

/// <summary>
/// Tells whether a store is worth asking. After some failures in a row it opens: nothing but a probe is sent, one at a time and a fixed while
/// apart, until any call succeeds. Deterministic: times are handed in. Not thread-safe.
/// </summary>
/// <remarks>
/// A break is short and does not grow: a probe costs one small call, and the sooner the store's return is noticed, the shorter a farm is stale.
/// The pattern is Michael Nygard's (Release It!, 2007).
/// </remarks>
/// <param name="threshold">So many failures in a row open it.</param>
/// <param name="breakFor">How long after a failed call a probe is sent, in the caller's unit of time.</param>
internal sealed class CircuitBreaker(int threshold, long breakFor)
{
    private int _failures;

    /// <summary>Whether the store counts as down.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>When the next probe is to be sent; <see cref="long.MaxValue"/>: none is.</summary>
    public long ProbeAt { get; private set; } = long.MaxValue;

    /// <summary>The probe is on its way: no other until <see cref="OnFailed"/>.</summary>
    public void OnProbing() => ProbeAt = long.MaxValue;

    /// <summary>A call succeeded.</summary>
    /// <returns>Whether that closed the breaker.</returns>
    public bool OnSucceeded()
    {
        var closes = IsOpen;
        IsOpen = false;
        _failures = 0;
        ProbeAt = long.MaxValue;
        return closes;
    }

    /// <summary>A call failed.</summary>
    /// <param name="isProbe">Whether it was the probe. While the breaker is open, failures of calls sent before say nothing new.</param>
    /// <param name="now">The time.</param>
    /// <returns>Whether that opened the breaker.</returns>
    public bool OnFailed(bool isProbe, long now)
    {
        if (IsOpen)
        {
            if (isProbe)
                ProbeAt = now + breakFor;
            return false;
        }

        if (++_failures < threshold)
            return false;
        IsOpen = true;
        ProbeAt = now + breakFor;
        return true;
    }
}
