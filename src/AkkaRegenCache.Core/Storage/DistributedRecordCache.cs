using System.Buffers;
using Microsoft.Extensions.Caching.Distributed;

namespace AkkaRegenCache.Storage;

/// <summary>
/// The calls of a distributed cache: each ends within its limit, also where the cache never answers, and makes as few copies as the cache allows.
/// </summary>
/// <param name="cache">The cache.</param>
/// <param name="time">Measures the limit.</param>
/// <param name="limit">The longest a call may take.</param>
internal sealed class DistributedRecordCache(IDistributedCache cache, TimeProvider time, TimeSpan limit)
{
    // What a record is kept for beyond its end: caches round lives to seconds, and nobody reads what has ended by its header.
    private static readonly TimeSpan s_margin = TimeSpan.FromSeconds(1);

    private readonly IBufferDistributedCache? _buffers = cache as IBufferDistributedCache;

    /// <summary>Gets a whole entry.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string key, CancellationToken cancellationToken)
    {
        using var ending = Ending(cancellationToken);
        var task = cache.GetAsync(key, ending.Token);
        var bytes = await Limited(task, key, ending, cancellationToken).ConfigureAwait(false);

        // In full: a plain null would turn into an empty memory, which is an entry and not a missing one.
        return bytes is null ? default(ReadOnlyMemory<byte>?) : bytes.AsMemory();
    }

    /// <summary>Gets the first bytes of an entry, without an array for the rest where the cache can do without.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> GetHeadAsync(string key, int length, CancellationToken cancellationToken)
    {
        if (_buffers is null)
            return await GetAsync(key, cancellationToken).ConfigureAwait(false);

        // Not pooled: a call that is given up may write into it later.
        var head = new HeadWriter(length);
        using var ending = Ending(cancellationToken);
        var task = _buffers.TryGetAsync(key, head, ending.Token).AsTask();
        var isThere = await Limited(task, key, ending, cancellationToken).ConfigureAwait(false);
        return isThere ? head.Written : default(ReadOnlyMemory<byte>?);
    }

    /// <summary>Stores an entry of two parts.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="header">The first part.</param>
    /// <param name="value">The second.</param>
    /// <param name="life">After which the cache may drop it; it gets a little more.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask SetAsync(
        string key, byte[] header, ReadOnlyMemory<byte> value, TimeSpan life, CancellationToken cancellationToken)
    {
        var options = new DistributedCacheEntryOptions
        {
            AbsoluteExpirationRelativeToNow = TimeSpan.FromSeconds(Math.Ceiling(Math.Max(0, life.TotalSeconds))) + s_margin,
        };
        using var ending = Ending(cancellationToken);
        Task task;
        if (_buffers is not null)
        {
            var first = new Segment(header);
            var last = value.IsEmpty ? first : first.Append(value);
            var whole = new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
            task = _buffers.SetAsync(key, whole, options, ending.Token).AsTask();
        }
        else
        {
            var whole = new byte[header.Length + value.Length];
            header.CopyTo(whole, 0);
            value.CopyTo(whole.AsMemory(header.Length));
            task = cache.SetAsync(key, whole, options, ending.Token);
        }

        await Limited(Answer(task), key, ending, cancellationToken).ConfigureAwait(false);

        static async Task<bool> Answer(Task task)
        {
            await task.ConfigureAwait(false);
            return true;
        }
    }

    private static CancellationTokenSource Ending(CancellationToken cancellationToken) =>
        CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

    private async ValueTask<T> Limited<T>(
        Task<T> task, string key, CancellationTokenSource ending, CancellationToken cancellationToken)
    {
        if (task.IsCompleted)
            return await task.ConfigureAwait(false);
        try
        {
            return await task.WaitAsync(limit, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (!task.IsCompleted)
        {
            // Given up, not ended: it is told to stop, and what becomes of it interests nobody.
            _ = task.ContinueWith(
                static given => _ = given.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            await ending.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException($"The distributed cache didn't answer within {limit} on '{key}'.");
        }
    }

    /// <summary>Keeps the first bytes of what is written, and drops the rest.</summary>
    private sealed class HeadWriter(int length) : IBufferWriter<byte>
    {
        private const int ScratchLength = 4096;

        private readonly byte[] _head = new byte[length];
        private byte[] _scratch = [];
        private int _written;

        public ReadOnlyMemory<byte> Written => _head.AsMemory(0, _written);

        public void Advance(int count)
        {
            var kept = Math.Min(count, length - _written);
            _scratch.AsSpan(0, kept).CopyTo(_head.AsSpan(_written));
            _written += kept;
        }

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            if (_scratch.Length < Math.Max(1, sizeHint))
                _scratch = new byte[Math.Max(ScratchLength, sizeHint)];
            return _scratch;
        }

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory) => Memory = memory;

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}
