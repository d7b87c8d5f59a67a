using System.Collections.Concurrent;

namespace AkkaRegenCache.Runtime;

/// <summary>A blocked thread that can run work.</summary>
internal interface ILendsThread
{
    /// <summary>Gives it work; false: it has work already, or is not blocked any more.</summary>
    bool TryLend(IThreadPoolWorkItem work);
}

/// <summary>The threads that are blocked for a key, one for each key. Thread-safe.</summary>
internal sealed class BlockedThreads
{
    private readonly ConcurrentDictionary<string, ILendsThread> _threads = new(StringComparer.Ordinal);
    private int _blocked;

    /// <summary>Whether any thread is blocked in a call.</summary>
    public bool Any => Volatile.Read(ref _blocked) > 0;

    public void Add(string key, ILendsThread thread)
    {
        Interlocked.Increment(ref _blocked);
        _threads.TryAdd(key, thread);
    }

    public void Remove(string key, ILendsThread thread)
    {
        _threads.TryRemove(new(key, thread));
        Interlocked.Decrement(ref _blocked);
    }

    /// <summary>Runs work for a key on a thread that is blocked for the key; false: there is none.</summary>
    public bool TryLend(string key, IThreadPoolWorkItem work) => _threads.TryGetValue(key, out var thread) && thread.TryLend(work);
}
