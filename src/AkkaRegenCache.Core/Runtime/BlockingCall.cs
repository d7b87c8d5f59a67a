using System.Collections.Concurrent;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// A caller whose thread is blocked until it is answered. It lends that thread to what it waits for: the generator of its key, and the deserializing of its
/// answer. Where all threads of the pool are such callers, none would come free to do it for them.
/// </summary>
internal sealed class BlockingCall<T>(string key, EntryProfile profile, GeneratorSource? source)
    : ValueCall<T>(key, WaiterKind.Get, profile, source), ILendsThread
{
    private static readonly ContextCallback s_execute = static work =>
    {
        OwnContext.LeaveSynchronizationContext();
        ((IThreadPoolWorkItem)work!).Execute();
    };

    private readonly object _gate = new();
    private IThreadPoolWorkItem? _work;
    private bool _isSettled;

    /// <summary>Blocks until it is answered, and works meanwhile.</summary>
    public T Wait()
    {
        while (NextWork() is { } work)
            OwnContext.Run(s_execute, work);
        return Task.GetAwaiter().GetResult();
    }

    public bool TryLend(IThreadPoolWorkItem work)
    {
        lock (_gate)
        {
            if (_isSettled || _work is not null)
                return false;
            _work = work;
            Monitor.Pulse(_gate);
            return true;
        }
    }

    protected override void OnSettled()
    {
        IThreadPoolWorkItem? left;
        lock (_gate)
        {
            _isSettled = true;
            left = _work;
            _work = null;
            Monitor.Pulse(_gate);
        }

        // Answered by something else meanwhile: the work is still wanted, and not by this caller.
        if (left is not null)
            ThreadPool.UnsafeQueueUserWorkItem(left, preferLocal: false);
    }

    protected override void Decode(CachePayload payload, NodeShell shell)
    {
        var work = new Decoding(this, payload, shell);
        if (!TryLend(work))
            work.Execute();
    }

    private IThreadPoolWorkItem? NextWork()
    {
        lock (_gate)
        {
            while (_work is null && !_isSettled)
                Monitor.Wait(_gate);
            var work = _work;
            _work = null;
            return work;
        }
    }

    private sealed class Decoding(BlockingCall<T> call, CachePayload payload, NodeShell shell) : IThreadPoolWorkItem
    {
        public void Execute() => call.DecodeAndSucceed(payload, shell);
    }
}

/// <summary>A blocked thread that can be lent.</summary>
internal interface ILendsThread
{
    /// <summary>Gives it work; false: it has some, or is free again.</summary>
    bool TryLend(IThreadPoolWorkItem work);
}

/// <summary>The threads that are blocked for a key, one of each key. Thread-safe.</summary>
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

    /// <summary>Has work for a key done by a thread that is blocked for it; false: there is none.</summary>
    public bool TryLend(string key, IThreadPoolWorkItem work) => _threads.TryGetValue(key, out var thread) && thread.TryLend(work);
}
