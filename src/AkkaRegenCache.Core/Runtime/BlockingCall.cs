using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// A caller whose thread is blocked until it is answered. Meanwhile the thread runs the work that the caller waits for: the generator of
/// its key, and the deserialization of its answer. If all threads of the pool are such callers, no other thread could run it.
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
    private bool _isLent;
    private bool _isSettled;

    /// <summary>Blocks until it is answered, and runs work meanwhile.</summary>
    public T Wait()
    {
        var isMadeUpFor = PoolThreads.Enter();
        try
        {
            while (NextWork() is { } work)
                OwnContext.Run(s_execute, work);
            return Task.GetAwaiter().GetResult();
        }
        finally
        {
            if (isMadeUpFor)
                PoolThreads.Leave();
        }
    }

    public override bool CanFail
    {
        get
        {
            lock (_gate)
                return !_isLent && !_isSettled;
        }
    }

    public bool TryLend(IThreadPoolWorkItem work)
    {
        lock (_gate)
        {
            // Work queued behind other work would wait for a generator that may hang.
            if (_isSettled || _isLent)
                return false;
            _isLent = true;
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

        // The call was answered meanwhile. The work is still needed, but not by this caller.
        if (left is not null)
            ThreadPool.UnsafeQueueUserWorkItem(left, preferLocal: false);
    }

    private IThreadPoolWorkItem? NextWork()
    {
        lock (_gate)
        {
            // Earlier work is done; work that was given meanwhile has not begun.
            _isLent = _work is not null;
            while (_work is null && !_isSettled)
                Monitor.Wait(_gate);
            var work = _work;
            _work = null;
            return work;
        }
    }
}
