namespace AkkaRegenCache.Storage;

/// <summary>
/// Thrown by an external store that is available, but refuses this operation: it is out of memory, is a replica that takes no writes, or
/// the value is too large for it. The operation is not repeated at once, and the refusal does not open the circuit breaker. Any other
/// exception except an <see cref="ArgumentException"/> counts as a failure of the store.
/// </summary>
public sealed class StoreRefusedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What the store refused, and why.</param>
    /// <param name="innerException">The store's own error.</param>
    public StoreRefusedException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
