using System.Collections.Concurrent;
using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>The shell's own duties: a timer that is never lost, a mailbox that is never served by two threads or by none.</summary>
public sealed class NodeShellTests
{
    [Fact]
    public async Task A_timer_that_fires_early_is_set_again()
    {
        var time = new EarlyTimeProvider();
        var options = new RegenCacheOptions { NotificationsEnabled = false };
        await using var cache = new RegenCache("early", options, timeProvider: time);
        var runs = 0;
        var entry = new RegenEntryOptions
        {
            RegenerationInterval = TimeSpan.FromSeconds(1),
            InactiveRetention = TimeSpan.FromHours(1),
        };
        await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(Interlocked.Increment(ref runs)), entry);

        for (var i = 0; i < 1000; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            while (cache.Shell.Backlog != 0 || cache.Shell.Runs.Active != 0)
                await Task.Yield();
        }

        // Ten seconds, ten intervals: nobody but the timer has said a word.
        Assert.InRange(runs, 10, 11);
    }

    [Fact]
    public async Task Many_threads_that_miss_and_change_at_once_are_all_answered()
    {
        const int Threads = 8, Rounds = 4000;
        await using var cache = new RegenCache("crowd");
        var errors = new ConcurrentQueue<string>();
        var threads = Enumerable.Range(0, Threads).Select(t => Task.Run(async () =>
        {
            for (var i = 0; i < Rounds; i++)
            {
                // Some keys are shared, most are not: posts come from all threads at all times.
                var key = i % 4 == 0 ? $"shared {i}" : $"{t} {i}";
                var value = await cache.GetOrCreateAsync(key, key, static (k, _) => new ValueTask<string>(k));
                if (value != key)
                    errors.Enqueue($"{key}: {value}");
                if (i % 16 == 0)
                    await cache.RemoveAsync(key);
            }
        })).ToArray();

        // A lost message hangs a thread: the bound is only there to say so.
        await Task.WhenAll(threads).WaitAsync(TimeSpan.FromMinutes(2));

        Assert.Empty(errors);
        while (cache.Shell.Backlog != 0 || cache.Shell.Runs.Active != 0)
            await Task.Yield();
        Assert.Empty(cache.Shell.Agent.Leftovers());
    }

    /// <summary>A clock whose timers fire up to a millisecond before their time, as the system's do.</summary>
    private sealed class EarlyTimeProvider : TimeProvider
    {
        private readonly VirtualTimeProvider _time = new();

        public override long TimestampFrequency => _time.TimestampFrequency;

        public override long GetTimestamp() => _time.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => _time.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new EarlyTimer(_time.CreateTimer(callback, state, dueTime, period));

        public void Advance(TimeSpan by) => _time.Advance(by);

        private sealed class EarlyTimer(ITimer timer) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(
                dueTime > TimeSpan.FromMilliseconds(2) ? dueTime - TimeSpan.FromMilliseconds(0.9) : dueTime, period);

            public void Dispose() => timer.Dispose();

            public ValueTask DisposeAsync() => timer.DisposeAsync();
        }
    }
}
