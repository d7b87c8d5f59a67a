using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;
using Microsoft.Extensions.Options;

namespace AkkaRegenCache.Core.Tests.Storage;

internal static class Caches
{
    /// <summary>Microsoft's distributed cache in memory, on the clock.</summary>
    public static MemoryDistributedCache InMemory(TimeProvider time) =>
        new(Options.Create(new MemoryDistributedCacheOptions { Clock = new Clock(time) }));

    /// <summary>For tests on the machine's clock that are about what is in the store: a machine that stands still for a second changes nothing.</summary>
    public static void WaitForTheStore(RegenCacheOptions options) =>
        options.StoreReadTimeout = options.StoreWriteTimeout = options.StoreWarmUpTimeout = TimeSpan.FromMinutes(10);

    private sealed class Clock(TimeProvider time) : ISystemClock
    {
        public DateTimeOffset UtcNow => time.GetUtcNow();
    }
}

/// <summary>A distributed cache with what tests need: it counts, fails, hangs, and answers later, where it is told to.</summary>
internal class FakeCache(TimeProvider time) : IDistributedCache
{
    private readonly ConcurrentDictionary<string, (byte[] Value, DateTimeOffset Ends)> _entries = new();

    /// <summary>Called before each call, with its name and key; may throw, or give a task to wait for.</summary>
    public Func<string, string, Task?>? Before { get; set; }

    /// <summary>Called after a set was done; may throw.</summary>
    public Action<string>? AfterSet { get; set; }

    /// <summary>Whether answers come from another thread.</summary>
    public bool AnswersLater { get; init; }

    public int Gets { get; protected set; }

    public int Sets { get; protected set; }

    /// <summary>The longest array that was handed out.</summary>
    public int LongestArray { get; private set; }

    public IEnumerable<string> Keys => _entries.Keys;

    public byte[]? Peek(string key) => _entries.TryGetValue(key, out var entry) && entry.Ends > time.GetUtcNow() ? entry.Value : null;

    public DateTimeOffset EndOf(string key) => _entries[key].Ends;

    public void Put(string key, byte[] value) => _entries[key] = (value, DateTimeOffset.MaxValue);

    public void Drop(string key) => _entries.TryRemove(key, out _);

    public async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
    {
        Gets++;
        await Wait("get", key, token);
        var value = Peek(key)?.ToArray();
        LongestArray = Math.Max(LongestArray, value?.Length ?? 0);
        return value;
    }

    public async Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
    {
        Sets++;
        await Wait("set", key, token);
        Store(key, value.ToArray(), options);
    }

    public byte[]? Get(string key) => throw new NotSupportedException();

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => throw new NotSupportedException();

    public void Refresh(string key) => throw new NotSupportedException();

    public Task RefreshAsync(string key, CancellationToken token = default) => throw new NotSupportedException();

    public void Remove(string key) => throw new NotSupportedException();

    public Task RemoveAsync(string key, CancellationToken token = default) => throw new NotSupportedException();

    protected async Task Wait(string call, string key, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        if (AnswersLater)
            await Task.Yield();
        if (Before?.Invoke(call, key) is { } wait)
            await wait.WaitAsync(token);
    }

    protected void Store(string key, byte[] value, DistributedCacheEntryOptions options)
    {
        _entries[key] = (value, time.GetUtcNow() + options.AbsoluteExpirationRelativeToNow!.Value);
        AfterSet?.Invoke(key);
    }
}

/// <summary>The same with buffers.</summary>
internal sealed class FakeBufferCache(TimeProvider time) : FakeCache(time), IBufferDistributedCache
{
    public async ValueTask<bool> TryGetAsync(string key, IBufferWriter<byte> destination, CancellationToken token = default)
    {
        Gets++;
        await Wait("get", key, token);
        if (Peek(key) is not { } value)
            return false;
        destination.Write(value);
        return true;
    }

    public async ValueTask SetAsync(
        string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options, CancellationToken token = default)
    {
        Sets++;
        await Wait("set", key, token);
        Store(key, value.ToArray(), options);
    }

    public bool TryGet(string key, IBufferWriter<byte> destination) => throw new NotSupportedException();

    public void Set(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options) => throw new NotSupportedException();
}
