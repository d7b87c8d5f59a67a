using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Time;

public class VirtualTimeProviderTests
{
    private readonly VirtualTimeProvider _clock = new();

    [Fact]
    public void Timers_run_in_the_order_of_their_due_times_with_the_clock_at_each()
    {
        var ran = new List<(string, TimeSpan)>();
        using ITimer late = Timer("late", 30, ran);
        using ITimer early = Timer("early", 10, ran);
        using ITimer earlyToo = Timer("early too", 10, ran);
        using ITimer never = Timer("never", 31, ran);

        _clock.Advance(TimeSpan.FromMilliseconds(30));

        Assert.Equal([("early", Ms(10)), ("early too", Ms(10)), ("late", Ms(30))], ran);
        Assert.Equal(Ms(1), _clock.UntilNextTimer);
    }

    [Fact]
    public void A_periodic_timer_runs_at_every_period_until_disposed()
    {
        var at = new List<TimeSpan>();
        ITimer timer = _clock.CreateTimer(_ => at.Add(_clock.Elapsed), null, Ms(5), Ms(10));

        _clock.Advance(Ms(25));
        timer.Dispose();
        _clock.Advance(Ms(100));

        Assert.Equal([Ms(5), Ms(15), Ms(25)], at);
        Assert.Equal(0, _clock.PendingTimers);
        Assert.False(timer.Change(Ms(1), Timeout.InfiniteTimeSpan));
    }

    [Fact]
    public void A_callback_may_set_timers_that_come_due_within_the_same_advance()
    {
        var at = new List<TimeSpan>();
        ITimer? timer = null;
        timer = _clock.CreateTimer(
            _ =>
            {
                at.Add(_clock.Elapsed);
                if (at.Count < 3)
                    timer!.Change(Ms(10), Timeout.InfiniteTimeSpan);
            },
            null,
            Ms(10),
            Timeout.InfiniteTimeSpan);

        _clock.Advance(Ms(100));

        Assert.Equal([Ms(10), Ms(20), Ms(30)], at);
        Assert.Equal(Ms(100), _clock.Elapsed);
    }

    [Fact]
    public void A_timer_due_at_once_waits_for_the_next_advance()
    {
        int runs = 0;
        using ITimer timer = _clock.CreateTimer(_ => runs++, null, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        Assert.Equal(0, runs);

        _clock.Advance(TimeSpan.Zero);
        Assert.Equal(1, runs);
    }

    [Fact]
    public void A_callback_may_advance_the_clock_past_the_outer_target()
    {
        using ITimer timer = _clock.CreateTimer(_ => _clock.Advance(Ms(50)), null, Ms(10), Timeout.InfiniteTimeSpan);

        _clock.Advance(Ms(20));

        Assert.Equal(Ms(60), _clock.Elapsed);
    }

    [Fact]
    public void Delays_and_time_outs_of_the_framework_follow_it()
    {
        using var source = new CancellationTokenSource(TimeSpan.FromSeconds(3), _clock);
        Task delay = Task.Delay(TimeSpan.FromSeconds(2), _clock);
        DateTimeOffset before = _clock.GetUtcNow();
        long timestamp = _clock.GetTimestamp();

        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.True(delay.IsCompletedSuccessfully);
        Assert.False(source.IsCancellationRequested);

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(source.IsCancellationRequested);
        Assert.Equal(TimeSpan.FromSeconds(3), _clock.GetUtcNow() - before);
        Assert.Equal(TimeSpan.FromSeconds(3), _clock.GetElapsedTime(timestamp));
    }

    private static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private ITimer Timer(string name, int due, List<(string Name, TimeSpan At)> ran) =>
        _clock.CreateTimer(_ => ran.Add((name, _clock.Elapsed)), null, Ms(due), Timeout.InfiniteTimeSpan);
}
