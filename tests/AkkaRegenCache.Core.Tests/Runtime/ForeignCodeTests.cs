using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using AkkaRegenCache.Core.Tests.Storage;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;
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
        await using var cache = new RegenCache("blocks", options, StoreThat("stuck", () =>
        {
            blocked.Set();
            gate.Wait();
        }));
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
        await using var cache = new RegenCache("bus", null, new InMemoryStore(), bus);
        try
        {
            // Each from a thread of its own: a caller may be the one that runs the loop.
            for (var i = 0; i < 20; i++)
            {
                var key = i;
                var value = Task.Run(() => cache.GetOrCreateAsync($"key{key}", _ => new ValueTask<int>(key)).AsTask());
                Assert.Equal(i, await value.WaitAsync(s_patience));
            }

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
        await using var cache = new RegenCache("throws", null, StoreThat("bad", () => throw new BadImageFormatException("no store at all")));

        // Without the store's answer the value is made here.
        Assert.Equal(1, await cache.GetOrCreateAsync("bad", _ => new ValueTask<int>(1)).AsTask().WaitAsync(s_patience));
        Assert.Equal(2, await cache.GetOrCreateAsync("good", _ => new ValueTask<int>(2)).AsTask().WaitAsync(s_patience));
    }

    [Fact]
    public async Task A_bus_that_never_goes_on_holds_a_bounded_number_of_notifications_and_refuses_the_rest()
    {
        using var gate = new ManualResetEventSlim();
        var bus = new ForeignBus(new BlockingBus(gate));
        var notification = new CacheNotification { Publisher = "n", Kind = NotificationKind.Removed, Epoch = "" };
        try
        {
            for (var i = 0; i < ForeignBus.MostWaiting; i++)
                Assert.False(bus.PublishAsync("bus", notification).AsTask().IsFaulted);
            await Assert.ThrowsAsync<InvalidOperationException>(() => bus.PublishAsync("bus", notification).AsTask().WaitAsync(s_patience));
        }
        finally
        {
            gate.Set();
        }
    }

    [Fact]
    public async Task A_store_that_throws_when_asked_whether_it_announces_loses_no_caller_and_no_value()
    {
        var inner = new InMemoryStore(storesObjects: false);
        await using var cache = new RegenCache("announces", null, Unsure.Around(inner), new InProcessNotificationBus());
        Assert.Equal(1, await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(1)).AsTask().WaitAsync(s_patience));
        await cache.QuietAsync();
        Assert.NotNull((await inner.ForCache("announces").ReadAsync(new ReadRequest { Key = "key" })).Record);
        Assert.Equal(2, await cache.RefreshAsync("key", _ => new ValueTask<int>(2)).AsTask().WaitAsync(s_patience));
    }

    /// <summary>A cache that does something for keys that have a word in them, before its first await.</summary>
    private static DistributedCacheStore StoreThat(string word, Action act) => new(new FakeCache(TimeProvider.System)
    {
        Before = (_, key) =>
        {
            if (key.Contains(word, StringComparison.Ordinal))
                act();
            return null;
        },
    });

    /// <summary>A store that throws when it is asked whether it announces, and does all else.</summary>
    [SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy derives from it.")]
    private class Unsure : DispatchProxy
    {
        private IExternalStore _inner = null!;

        public static IExternalStore Around(IExternalStore inner)
        {
            var proxy = Create<IExternalStore, Unsure>();
            ((Unsure)proxy)._inner = inner;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? method, object?[]? arguments) => method!.Name switch
        {
            nameof(IExternalStore.AnnouncesOn) => throw new InvalidOperationException("who knows?"),
            nameof(IExternalStore.ForCache) => Around(_inner.ForCache((string)arguments![0]!)),
            _ => method.Invoke(_inner, arguments),
        };
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
