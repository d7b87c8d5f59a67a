using System.Collections.Concurrent;
using AkkaRegenCache.Core.Tests.Storage;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
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
        var calls = 0;
        var distributed = new FakeCache(TimeProvider.System)
        {
            Before = (_, _) =>
            {
                Interlocked.Increment(ref calls);
                Note(seen, "the store");
                return LaterAsync();
            },
        };
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

        Assert.True(calls > 400, $"{calls} calls of the store");
        Assert.True(bus.Calls > 400, $"{bus.Calls} notifications");
        Assert.Empty(seen);

        async Task LaterAsync()
        {
            await Task.Yield();
            Note(seen, "the store, later,");
        }
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
                    cache = new RegenCache("keeps", null, new AkkaRegenCache.Storage.InMemoryStore(), new InProcessNotificationBus());
                },
                null);
            return (cache!, new WeakReference(request));
        }
    }

    [Fact]
    public void A_thread_s_synchronization_context_reaches_neither_the_loop_nor_a_generator_that_run_on_it()
    {
        var time = new WatchedTime();
        using var cache = new RegenCache("window", timeProvider: time);
        SynchronizationContext? inGenerator = null;
        SynchronizationContext? after = null;
        var window = new Thread(() =>
        {
            SynchronizationContext.SetSynchronizationContext(new DeadContext());
            cache.GetOrAdd(
                "key",
                () =>
                {
                    inGenerator = SynchronizationContext.Current;
                    return 1;
                },
                TimeSpan.FromHours(1), TimeSpan.FromMinutes(1));
            after = SynchronizationContext.Current;
        });
        window.Start();
        Assert.True(window.Join(TimeSpan.FromMinutes(1)), "the caller still waits");

        Assert.True(time.LooksFrom(window) > 0, "the loop has run on the caller's thread");
        Assert.Equal(0, time.LooksFromWindow);
        Assert.Null(inGenerator);
        Assert.IsType<DeadContext>(after);
    }

    private static void Note(ConcurrentQueue<string> seen, string who)
    {
        if (s_user.Value is { } user)
            seen.Enqueue($"{who} saw {user}");
    }

    private sealed class DeadContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
            // The window is gone.
        }
    }

    /// <summary>A clock that notices who looks at it: the loop does, with each turn.</summary>
    private sealed class WatchedTime : TimeProvider
    {
        private readonly ConcurrentQueue<Thread> _looks = new();
        private int _fromWindow;

        /// <summary>Looks in a window's synchronization context.</summary>
        public int LooksFromWindow => Volatile.Read(ref _fromWindow);

        public int LooksFrom(Thread thread) => _looks.Count(each => each == thread);

        public override long GetTimestamp()
        {
            _looks.Enqueue(Thread.CurrentThread);
            if (SynchronizationContext.Current is DeadContext)
                Interlocked.Increment(ref _fromWindow);
            return base.GetTimestamp();
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
