using System.Buffers;
using Microsoft.Extensions.Caching.Distributed;

namespace AkkaRegenCache.Storage;

/// <summary>
/// The calls of a distributed cache. Each ends within its limit, even if the cache never answers, and makes as few copies as the cache
/// allows.
/// </summary>
/// <param name="cache">The cache.</param>
/// <param name="time">Measures the limit.</param>
/// <param name="limit">The longest a call may take.</param>
internal sealed class DistributedRecordCache(IDistributedCache cache, TimeProvider time, TimeSpan limit)
{
    // How much longer than its lifetime a record is kept: caches round lifetimes to seconds, and an expired record is recognised by its
    // header.
    private static readonly TimeSpan s_margin = TimeSpan.FromSeconds(1);

    private readonly IBufferDistributedCache? _buffers = cache as IBufferDistributedCache;

    /// <summary>Gets a whole entry.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string key, CancellationToken cancellationToken)
    {
        var bytes = await Limited(ending => cache.GetAsync(key, ending), key, cancellationToken).ConfigureAwait(false);

        // Not a plain null: it would convert to an empty memory, which is an entry and not a missing one.
        return bytes is null ? default(ReadOnlyMemory<byte>?) : bytes.AsMemory();
    }

    /// <summary>Gets the first bytes of an entry, without an array for the rest if the cache supports that.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> GetHeadAsync(string key, int length, CancellationToken cancellationToken)
    {
        if (_buffers is null)
            return await GetAsync(key, cancellationToken).ConfigureAwait(false);

        // Not pooled: a call that was given up may still write into it.
        var head = new HeadWriter(length);
        var isThere = await Limited(ending => _buffers.TryGetAsync(key, head, ending).AsTask(), key, cancellationToken)
            .ConfigureAwait(false);
        return isThere ? head.Written : default(ReadOnlyMemory<byte>?);
    }

    /// <summary>Stores an entry of two parts.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="header">The first part.</param>
    /// <param name="value">The second.</param>
    /// <param name="lifetime">The record's lifetime. The cache keeps it a little longer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask SetAsync(
        string key, byte[] header, ReadOnlyMemory<byte> value, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var options = new DistributedCacheEntryOptions
        {
            AbsoluteExpirationRelativeToNow = TimeSpan.FromSeconds(Math.Ceiling(Math.Max(0, lifetime.TotalSeconds))) + s_margin,
        };
        await Limited(ending => Answer(Begin(ending)), key, cancellationToken).ConfigureAwait(false);

        Task Begin(CancellationToken ending)
        {
            if (_buffers is not null)
            {
                var first = new Segment(header);
                var last = value.IsEmpty ? first : first.Append(value);
                return _buffers.SetAsync(key, new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length), options, ending).AsTask();
            }

            var whole = new byte[header.Length + value.Length];
            header.CopyTo(whole, 0);
            value.CopyTo(whole.AsMemory(header.Length));
            return cache.SetAsync(key, whole, options, ending);
        }

        static async Task<bool> Answer(Task task)
        {
            await task.ConfigureAwait(false);
            return true;
        }
    }

    private ValueTask<T> Limited<T>(Func<CancellationToken, Task<T>> call, string key, CancellationToken cancellationToken) =>
        LimitedCall.RunAsync(call, time, limit, () => $"The distributed cache didn't answer within {limit} on '{key}'.", cancellationToken);

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
