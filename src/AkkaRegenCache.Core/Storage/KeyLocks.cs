namespace AkkaRegenCache.Storage;

/// <summary>
/// One asynchronous lock for each key in use: keys never wait for each other, and a lock is removed with its last user. Thread-safe.
/// </summary>
internal sealed class KeyLocks
{
    private readonly Dictionary<string, KeyLock> _locks = new(StringComparer.Ordinal);

    /// <summary>The number of locks in use.</summary>
    public int Count
    {
        get
        {
            lock (_locks)
                return _locks.Count;
        }
    }

    /// <summary>Waits for the key, in the order of the calls as far as the semaphore keeps it.</summary>
    /// <returns>To be disposed once.</returns>
    public async ValueTask<Held> EnterAsync(string key, CancellationToken cancellationToken)
    {
        KeyLock? found;
        lock (_locks)
        {
            if (!_locks.TryGetValue(key, out found))
                _locks.Add(key, found = new KeyLock());
            found.Users++;
        }

        try
        {
            await found.Semaphore.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Leave(key, found);
            throw;
        }

        return new Held(this, key, found);
    }

    private void Leave(string key, KeyLock left)
    {
        lock (_locks)
        {
            if (--left.Users > 0)
                return;
            _locks.Remove(key);
        }

        left.Semaphore.Dispose();
    }

    /// <summary>A lock that is held.</summary>
    internal readonly struct Held(KeyLocks owner, string key, KeyLock held) : IDisposable
    {
        public void Dispose()
        {
            held.Semaphore.Release();
            owner.Leave(key, held);
        }
    }

    internal sealed class KeyLock
    {
        public SemaphoreSlim Semaphore { get; } = new(1, 1);

        public int Users { get; set; }
    }
}
