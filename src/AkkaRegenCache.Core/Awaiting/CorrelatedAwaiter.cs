namespace AkkaRegenCache.Awaiting;

/// <summary>
/// One wait for a message of one key, given by <see cref="CorrelatedAwaitManager{TMessage, TKey}"/>. Dispose it when the wait is over,
/// whatever its end was. Thread-safe.
/// </summary>
/// <typeparam name="TMessage">Type of the message.</typeparam>
public abstract class CorrelatedAwaiter<TMessage> : IDisposable
{
    private protected CorrelatedAwaiter()
    {
    }

    /// <summary>
    /// Ends once: with the message; or cancelled, when the token of the registration was cancelled or this object disposed; or with a
    /// <see cref="TimeoutException"/> at the end of the longest lifetime; or with an <see cref="ObjectDisposedException"/> when the
    /// manager was disposed. What is awaited on it goes on in the thread pool (or the awaiting code's own context), never on
    /// the thread that ended it.
    /// </summary>
    public abstract Task<TMessage> Task { get; }

    /// <summary>Gives up: the manager forgets this awaiter. Does nothing after the end. Never blocks and never throws.</summary>
    public void Dispose()
    {
        GiveUp();
        GC.SuppressFinalize(this);
    }

    private protected abstract void GiveUp();
}
