namespace AkkaRegenCache.Storage;

/// <summary>
/// Thrown by an external store that is there, but refuses this operation: it is out of memory, a replica that takes no writes, the value is too
/// large for it. It is not repeated at once, and the store doesn't count as down for it; any other exception but an
/// <see cref="ArgumentException"/> counts as a failure of the store.
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
