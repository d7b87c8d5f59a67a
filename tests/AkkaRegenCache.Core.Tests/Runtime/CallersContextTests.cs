using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>Nothing of a caller's world reaches stores, buses and generators, and the cache keeps nothing of it.</summary>
public sealed class CallersContextTests
{
    private static readonly AsyncLocal<object?> s_user = new();

    [Fact]
    public async Task No_store_bus_or_generator_sees_a_caller_s_async_locals()
    {
        var seen = new ConcurrentQueue<string>();
        var distributed = new WatchedCache(seen);
        var bus = new WatchedBus(seen);
        s_user.Value = "the first request";
        await using var cache = new RegenCache("context", null, new DistributedCacheStore(distributed), bus);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(user => Task.Run(async () =>
        {
            s_user.Value = $"user {user}";
            for (var i = 0; i < 25; i++)
            {
                var key = $"key{user}-{i}";
                await cache.GetOrCreateAsync(key, _ =>
                {
                    Note(seen, "a generator");
                    return new ValueTask<int>(i);
                });
                await cache.SetAsync(key, i + 1);
                await cache.RemoveAsync(key);
                Assert.Equal($"user {user}", s_user.Value);
            }
        })));

        Assert.True(distributed.Calls > 400, $"{distributed.Calls} calls of the store");
        Assert.True(bus.Calls > 400, $"{bus.Calls} notifications");
        Assert.Empty(seen);
    }

    [Fact]
    public async Task The_cache_keeps_nothing_of_the_request_that_made_it()
    {
        var (cache, request) = Make();
        await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(1));
        for (var i = 0; i < 10 && request.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Yield();
        }

        Assert.False(request.IsAlive);
        await cache.DisposeAsync();

        static (RegenCache, WeakReference) Make()
        {
            var request = new object();
            RegenCache? cache = null;
            ExecutionContext.Run(
                ExecutionContext.Capture()!,
                _ =>
                {
                    s_user.Value = request;
                    cache = new RegenCache("keeps", null, null, new InProcessNotificationBus());
                },
                null);
            return (cache!, new WeakReference(request));
        }
    }

    [Fact]
    public async Task A_caller_whose_thread_has_a_synchronization_context_that_is_never_served_delays_nobody()
    {
        // A store that captures the context it is called in, as one without ConfigureAwait(false) does.
        await using var cache = new RegenCache("window", null, new DistributedCacheStore(new CapturingCache()));
        var asked = new TaskCompletionSource<Task<int>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var window = new Thread(() =>
        {
            SynchronizationContext.SetSynchronizationContext(new DeadContext());
            asked.SetResult(cache.GetOrCreateAsync("key", _ => new ValueTask<int>(1)).AsTask());
            if (SynchronizationContext.Current is not DeadContext)
                throw new InvalidOperationException("The caller has lost its own context.");
        });
        window.Start();
        window.Join();

        Assert.Equal(1, await (await asked.Task).WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Equal(2, await cache.GetOrCreateAsync("other", _ => new ValueTask<int>(2)).AsTask().WaitAsync(TimeSpan.FromMinutes(1)));
    }

    private static void Note(ConcurrentQueue<string> seen, string who)
    {
        if (s_user.Value is { } user)
            seen.Enqueue($"{who} saw {user}");
    }

    private static MemoryDistributedCache NewCache() => new(Options.Create(new MemoryDistributedCacheOptions()));

    private sealed class DeadContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
            // The window is gone.
        }
    }

    private sealed class WatchedCache(ConcurrentQueue<string> seen) : IDistributedCache
    {
        private readonly MemoryDistributedCache _inner = NewCache();
        private int _calls;

        public int Calls => Volatile.Read(ref _calls);

        public byte[]? Get(string key) => throw new NotSupportedException();

        public async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
        {
            await CalledAsync();
            return await _inner.GetAsync(key, token);
        }

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => throw new NotSupportedException();

        public async Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
        {
            await CalledAsync();
            await _inner.SetAsync(key, value, options, token);
        }

        public void Refresh(string key) => throw new NotSupportedException();

        public Task RefreshAsync(string key, CancellationToken token = default) => throw new NotSupportedException();

        public void Remove(string key) => throw new NotSupportedException();

        public async Task RemoveAsync(string key, CancellationToken token = default)
        {
            await CalledAsync();
            await _inner.RemoveAsync(key, token);
        }

        private async Task CalledAsync()
        {
            Interlocked.Increment(ref _calls);
            Note(seen, "the store");
            await Task.Yield();
            Note(seen, "the store, later,");
        }
    }

    private sealed class CapturingCache : IDistributedCache
    {
        private readonly MemoryDistributedCache _inner = NewCache();

        public byte[]? Get(string key) => _inner.Get(key);

        public async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
        {
            await Task.Yield();
            return _inner.Get(key);
        }

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => _inner.Set(key, value, options);

        public async Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
        {
            await Task.Yield();
            _inner.Set(key, value, options);
        }

        public void Refresh(string key) => _inner.Refresh(key);

        public Task RefreshAsync(string key, CancellationToken token = default) => _inner.RefreshAsync(key, token);

        public void Remove(string key) => _inner.Remove(key);

        public async Task RemoveAsync(string key, CancellationToken token = default)
        {
            await Task.Yield();
            _inner.Remove(key);
        }
    }

    private sealed class WatchedBus(ConcurrentQueue<string> seen) : INotificationBus
    {
        private readonly InProcessNotificationBus _inner = new();
        private int _calls;

        public int Calls => Volatile.Read(ref _calls);

        public ValueTask PublishAsync(string cacheName, CacheNotification notification)
        {
            Interlocked.Increment(ref _calls);
            Note(seen, "the bus");
            return _inner.PublishAsync(cacheName, notification);
        }

        public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler)
        {
            Note(seen, "the bus, at the subscription,");
            return _inner.Subscribe(cacheName, handler);
        }
    }
}
