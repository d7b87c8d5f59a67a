using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Notifications;
using AkkaRegenCache.Testing.Stores;
using AkkaRegenCache.Testing.Time;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>An outage is told once, not twice a second; and what it has cost.</summary>
public sealed class OutageLogTests : IAsyncDisposable
{
    private static readonly RegenEntryOptions s_long = new() { RegenerationInterval = TimeSpan.FromHours(1), InactiveRetention = TimeSpan.Zero };

    private readonly VirtualTimeProvider _time = new();
    private readonly LogLines _log = new();
    private readonly ObservedStore _store;
    private readonly ObservedBus _bus = new(new InProcessNotificationBus(), serializes: false);
    private readonly RegenCache _cache;

    public OutageLogTests()
    {
        _store = new ObservedStore(new InMemoryStore(_time, storesObjects: true), _ => Task.Delay(Timeout.InfiniteTimeSpan));
        _cache = new RegenCache("logged", null, _store, _bus, timeProvider: _time, logger: _log);
    }

    public async ValueTask DisposeAsync() => await _cache.DisposeAsync();

    [Fact]
    public async Task Notifications_that_cannot_be_sent_are_one_warning_for_each_outage_and_their_return_is_told()
    {
        await _cache.SetAsync("key", 1, s_long);
        for (var outage = 0; outage < 2; outage++)
        {
            _log.Lines.Clear();
            _bus.Fails = true;
            await AdvanceAsync(TimeSpan.FromSeconds(20));
            Assert.Single(_log.Of(LogLevel.Warning), line => line.Contains("notification", StringComparison.Ordinal));
            Assert.InRange(_log.Of(LogLevel.Debug).Count(line => line.Contains("notification", StringComparison.Ordinal)), 30, 45);
            Assert.Empty(_log.Of(LogLevel.Information));

            _bus.Fails = false;
            await AdvanceAsync(TimeSpan.FromSeconds(20));
            Assert.Single(_log.Of(LogLevel.Information), line => line.Contains("notifications are sent again", StringComparison.Ordinal));
            Assert.Single(_log.Of(LogLevel.Warning));
        }
    }

    [Fact]
    public async Task A_node_that_leaves_while_the_store_is_down_tells_how_many_changes_are_lost()
    {
        _store.Break(StoreFault.Throws);
        for (var i = 0; i < 7; i++)
            Assert.True((await ChangeAsync(i)).IsPending);
        await _cache.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Single(_log.Of(LogLevel.Warning), line => line.Contains("7 sets and removals", StringComparison.Ordinal) && line.Contains("lost", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_leaves_while_the_store_hangs_does_so_at_the_write_timeout_and_tells_what_is_lost()
    {
        _store.Break(StoreFault.Hangs);
        var call = ChangeAsync(0);
        await AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.True((await call).IsPending);
        var leaving = _cache.DisposeAsync().AsTask();
        await AdvanceAsync(TimeSpan.FromSeconds(1.1));
        await leaving.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Single(_log.Of(LogLevel.Warning), line => line.Contains("1 sets and removals", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_leaves_with_nothing_waiting_tells_nothing()
    {
        _store.Break(StoreFault.Throws);
        Assert.True((await ChangeAsync(0)).IsPending);
        await AdvanceAsync(TimeSpan.FromSeconds(3));
        _store.Heal();
        _log.Lines.Clear();
        await _cache.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Empty(_log.Of(LogLevel.Warning));
        Assert.Equal(1, (await _store.ForCache("logged").ReadAsync(new ReadRequest { Key = "key 0" })).Record!.Payload!.Value);
    }

    private async Task<ChangeResult> ChangeAsync(int i)
    {
        var call = _cache.SetAsync($"key {i}", 1, s_long).AsTask();
        while (!call.IsCompleted && _log.Lines.Count < 1000)
        {
            if (_store.Calls(StoreOperation.Write) == 0)
                await Task.Yield();
            else if (_time.UntilNextTimer is { } step && step <= TimeSpan.FromSeconds(1))
                await AdvanceAsync(step);
            else
                break;
        }

        return await call;
    }

    private async Task AdvanceAsync(TimeSpan by)
    {
        for (var end = _time.Elapsed + by; _time.Elapsed < end;)
        {
            var step = _time.UntilNextTimer is { } next && next < end - _time.Elapsed ? next : end - _time.Elapsed;
            _time.Advance(step);
            do
                await Task.Factory.StartNew(static () => { }, CancellationToken.None, TaskCreationOptions.PreferFairness, TaskScheduler.Default);
            while (_cache.Shell.Backlog != 0);
        }
    }
}
