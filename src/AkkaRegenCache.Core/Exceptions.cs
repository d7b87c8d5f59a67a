namespace AkkaRegenCache;

/// <summary>
/// The generator failed on another node of the farm, or earlier, within its failure backoff. The message contains the original one.
/// </summary>
public sealed class RemoteGenerationException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="key">The key whose value could not be made.</param>
    /// <param name="remoteType">Full name of the remote exception's type.</param>
    /// <param name="remoteMessage">The remote exception's message.</param>
    public RemoteGenerationException(string key, string remoteType, string remoteMessage)
        : base($"The generator of '{key}' failed elsewhere in the farm, or before: {remoteType}: {remoteMessage}")
    {
        Key = key;
        RemoteType = remoteType;
        RemoteMessage = remoteMessage;
    }

    /// <summary>The key whose value could not be made.</summary>
    public string Key { get; }

    /// <summary>Full name of the remote exception's type.</summary>
    public string RemoteType { get; }

    /// <summary>The remote exception's message, as it was.</summary>
    public string RemoteMessage { get; }
}

/// <summary>
/// A value could not be made because too many generations run and wait on this node. Keys in memory are read as usual. Remedies: try again later, ask for fewer
/// distinct keys at once, use a faster source, or raise the bounds.
/// </summary>
public sealed class RegenOverloadException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="key">The key whose value could not be made.</param>
    public RegenOverloadException(string key)
        : base($"The value of '{key}' could not be made: {nameof(RegenCacheOptions.MaximumForegroundGenerations)} generations run on this node, and "
            + $"{nameof(RegenCacheOptions.MaximumQueuedGenerations)} keys wait for their turn.") => Key = key;

    /// <summary>The key whose value could not be made.</summary>
    public string Key { get; }
}

/// <summary>The external store failed, and the operation needs it.</summary>
public sealed class RegenStoreException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was tried, and on which key.</param>
    /// <param name="innerException">The store's own error, where it gave one.</param>
    public RegenStoreException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
