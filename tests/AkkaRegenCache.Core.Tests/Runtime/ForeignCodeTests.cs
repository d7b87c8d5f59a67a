using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>A store or a bus that blocks or throws before its first await delays or fails its own call, and nothing else of the node.</summary>
public sealed class ForeignCodeTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);
    private static readonly RegenEntryOptions s_timed = new() { HardTimeout = TimeSpan.FromMilliseconds(200) };

    [Fact]
    public async Task A_store_that_blocks_for_one_key_holds_up_no_other_key_and_no_hard_timeout()
    {
        using var gate = new ManualResetEventSlim();
        using var blocked = new ManualResetEventSlim();
        var options = new RegenCacheOptions { StoreReadTimeout = TimeSpan.FromMinutes(10), StoreWriteTimeout = TimeSpan.FromMinutes(10) };
        await using var cache = new RegenCache("blocks", options, new DistributedCacheStore(new BlockingCache("stuck", gate, blocked)));
        var stuck = Task.Run(() => cache.GetOrCreateAsync("stuck", _ => new ValueTask<int>(1)).AsTask());
        var impatient = Task.Run(() => cache.GetOrCreateAsync("stuck", _ => new ValueTask<int>(1), s_timed).AsTask());
        try
        {
            Assert.True(blocked.Wait(s_patience));
            for (var i = 0; i < 20; i++)
            {
                Assert.Equal(i, await cache.GetOrCreateAsync($"key{i}", _ => new ValueTask<int>(i)).AsTask().WaitAsync(s_patience));
                Assert.True((await cache.SetAsync($"key{i}", -i).AsTask().WaitAsync(s_patience)).Accepted);
            }

            await Assert.ThrowsAsync<TimeoutException>(() => impatient).WaitAsync(s_patience);
            Assert.False(stuck.IsCompleted);
        }
        finally
        {
            gate.Set();
        }

        Assert.Equal(1, await stuck.WaitAsync(s_patience));
    }

    [Fact]
    public async Task A_bus_that_blocks_holds_up_no_caller_and_tells_everything_in_order_when_it_goes_on()
    {
        using var gate = new ManualResetEventSlim();
        var bus = new BlockingBus(gate);
        await using var cache = new RegenCache("bus", null, null, bus);
        try
        {
            for (var i = 0; i < 20; i++)
                Assert.Equal(i, await cache.GetOrCreateAsync($"key{i}", _ => new ValueTask<int>(i)).AsTask().WaitAsync(s_patience));
            Assert.Empty(bus.Numbers);
        }
        finally
        {
            gate.Set();
        }

        Assert.True(SpinWait.SpinUntil(() => bus.Numbers.Length >= 20, s_patience));
        Assert.Equal(bus.Numbers.Order(), bus.Numbers);
    }

    [Fact]
    public async Task A_store_that_throws_at_once_whatever_it_throws_fails_its_own_call()
    {
        using var gate = new ManualResetEventSlim(initialState: true);
        using var blocked = new ManualResetEventSlim();
        var store = new BlockingCache("bad", gate, blocked) { Error = new BadImageFormatException("no store at all") };
        await using var cache = new RegenCache("throws", null, new DistributedCacheStore(store));

        // Without the store's answer the value is made here.
        Assert.Equal(1, await cache.GetOrCreateAsync("bad", _ => new ValueTask<int>(1)).AsTask().WaitAsync(s_patience));
        Assert.Equal(2, await cache.GetOrCreateAsync("good", _ => new ValueTask<int>(2)).AsTask().WaitAsync(s_patience));
    }

    /// <summary>Blocks, or throws, for keys that have a word in them, before its first await.</summary>
    private sealed class BlockingCache(string word, ManualResetEventSlim gate, ManualResetEventSlim blocked) : IDistributedCache
    {
        private readonly MemoryDistributedCache _inner = new(Options.Create(new MemoryDistributedCacheOptions()));

        public Exception? Error { get; init; }

        public byte[]? Get(string key) => Through(key).Get(key);

        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Through(key).GetAsync(key, token);

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => Through(key).Set(key, value, options);

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default) =>
            Through(key).SetAsync(key, value, options, token);

        public void Refresh(string key) => Through(key).Refresh(key);

        public Task RefreshAsync(string key, CancellationToken token = default) => Through(key).RefreshAsync(key, token);

        public void Remove(string key) => Through(key).Remove(key);

        public Task RemoveAsync(string key, CancellationToken token = default) => Through(key).RemoveAsync(key, token);

        private MemoryDistributedCache Through(string key)
        {
            if (key.Contains(word, StringComparison.Ordinal))
            {
                blocked.Set();
                gate.Wait();
                if (Error is not null)
                    throw Error;
            }

            return _inner;
        }
    }

    private sealed class BlockingBus(ManualResetEventSlim gate) : INotificationBus
    {
        private readonly List<long> _numbers = [];

        public long[] Numbers
        {
            get
            {
                lock (_numbers)
                    return [.. _numbers];
            }
        }

        public ValueTask PublishAsync(string cacheName, CacheNotification notification)
        {
            gate.Wait();
            lock (_numbers)
                _numbers.Add(notification.Sequence);
            return ValueTask.CompletedTask;
        }

        public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler) => new InProcessNotificationBus().Subscribe(cacheName, handler);
    }
}
