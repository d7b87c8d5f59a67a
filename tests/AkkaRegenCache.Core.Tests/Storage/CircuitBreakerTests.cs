using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>The breaker: doubt, probe, open, close. Times are plain numbers.</summary>
public sealed class CircuitBreakerTests
{
    private const int Threshold = 3;
    private const long BreakFor = 500;

    private readonly CircuitBreaker _breaker = new(Threshold, BreakFor);

    [Fact]
    public void It_begins_closed_and_wants_nothing()
    {
        Assert.False(_breaker.IsOpen);
        Assert.Equal(long.MaxValue, _breaker.ProbeAt);
    }

    [Fact]
    public void Failures_below_the_threshold_raise_no_doubt()
    {
        Fail(Threshold - 1, now: 10);
        Assert.False(_breaker.IsOpen);
        Assert.Equal(long.MaxValue, _breaker.ProbeAt);
    }

    [Fact]
    public void At_the_threshold_a_probe_is_wanted_at_once_and_the_breaker_stays_closed()
    {
        Fail(Threshold, now: 10);
        Assert.False(_breaker.IsOpen);
        Assert.Equal(10, _breaker.ProbeAt);
    }

    [Fact]
    public void Only_failures_in_a_row_count()
    {
        for (var i = 0; i < 10; i++)
        {
            Fail(Threshold - 1, now: i);
            Assert.False(_breaker.OnSucceeded(isProbe: false));
        }

        Assert.Equal(long.MaxValue, _breaker.ProbeAt);
    }

    [Fact]
    public void While_the_probe_is_on_its_way_no_other_is_wanted_however_much_fails()
    {
        Doubt(now: 10);
        Fail(100, now: 11);
        Assert.Equal(long.MaxValue, _breaker.ProbeAt);
        Assert.False(_breaker.IsOpen);
    }

    [Fact]
    public void A_probe_that_fails_opens_it_once()
    {
        Doubt(now: 10);
        Assert.True(_breaker.OnFailed(isProbe: true, now: 20));
        Assert.True(_breaker.IsOpen);
        Assert.False(_breaker.OnFailed(isProbe: false, now: 21));
        Assert.True(_breaker.IsOpen);
    }

    [Fact]
    public void A_store_that_only_answers_the_probe_stays_closed_and_is_doubted_after_as_many_failures_again()
    {
        // It takes no writes, say: what can be read is read.
        for (var round = 0; round < 5; round++)
        {
            Fail(Threshold - 1, now: round);
            Assert.Equal(long.MaxValue, _breaker.ProbeAt);
            Fail(1, now: round);
            Assert.Equal(round, _breaker.ProbeAt);
            _breaker.OnProbing();
            Assert.False(_breaker.OnSucceeded(isProbe: true));
            Assert.False(_breaker.IsOpen);
        }
    }

    [Fact]
    public void Open_it_probes_a_fixed_while_after_each_failed_probe()
    {
        Open(now: 100);
        for (var at = 100L + BreakFor; at < 10_000; at += BreakFor + 7)
        {
            Assert.Equal(at, _breaker.ProbeAt);
            _breaker.OnProbing();
            Assert.Equal(long.MaxValue, _breaker.ProbeAt);
            Assert.False(_breaker.OnFailed(isProbe: true, now: at + 7));
            Assert.True(_breaker.IsOpen);
        }
    }

    [Fact]
    public void Calls_sent_before_it_opened_change_nothing_when_they_fail_late()
    {
        Open(now: 100);
        Fail(50, now: 300);
        Assert.Equal(100 + BreakFor, _breaker.ProbeAt);
        _breaker.OnProbing();
        Fail(50, now: 700);
        Assert.Equal(long.MaxValue, _breaker.ProbeAt);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Any_success_closes_it_at_once_and_says_so_once(bool isProbe)
    {
        Open(now: 100);
        _breaker.OnProbing();
        Assert.True(_breaker.OnSucceeded(isProbe));
        Assert.False(_breaker.IsOpen);
        Assert.Equal(long.MaxValue, _breaker.ProbeAt);
        Assert.False(_breaker.OnSucceeded(isProbe));
    }

    [Fact]
    public void Closed_again_it_counts_from_nothing()
    {
        Open(now: 100);
        _breaker.OnProbing();
        _breaker.OnSucceeded(isProbe: true);
        Fail(Threshold - 1, now: 200);
        Assert.Equal(long.MaxValue, _breaker.ProbeAt);
        Fail(1, now: 200);
        Assert.Equal(200, _breaker.ProbeAt);
        Assert.False(_breaker.IsOpen);
    }

    [Fact]
    public void A_probe_whose_failure_comes_after_a_success_does_not_open_it()
    {
        Doubt(now: 10);
        _breaker.OnSucceeded(isProbe: false);
        Assert.False(_breaker.OnFailed(isProbe: true, now: 20));
        Assert.False(_breaker.IsOpen);
        Assert.Equal(long.MaxValue, _breaker.ProbeAt);

        // It counts as one failure, and the next doubt has a probe of its own.
        Fail(Threshold - 1, now: 30);
        Assert.Equal(30, _breaker.ProbeAt);
    }

    [Fact]
    public void While_an_old_probe_is_out_a_new_doubt_waits_for_it()
    {
        Doubt(now: 10);
        _breaker.OnSucceeded(isProbe: false);
        Fail(Threshold, now: 20);
        Assert.Equal(long.MaxValue, _breaker.ProbeAt);

        // One more failure than raises doubt: that probe speaks for the new doubt as well.
        Assert.True(_breaker.OnFailed(isProbe: true, now: 30));
        Assert.Equal(30 + BreakFor, _breaker.ProbeAt);
    }

    [Fact]
    public void With_a_threshold_of_one_a_single_failure_raises_doubt_and_none_opens_it_without_a_probe()
    {
        var breaker = new CircuitBreaker(1, BreakFor);
        Assert.False(breaker.OnFailed(isProbe: false, now: 5));
        Assert.Equal(5, breaker.ProbeAt);
        breaker.OnProbing();
        Assert.True(breaker.OnFailed(isProbe: true, now: 6));
    }

    private void Fail(int times, long now)
    {
        for (var i = 0; i < times; i++)
            Assert.False(_breaker.OnFailed(isProbe: false, now));
    }

    private void Doubt(long now)
    {
        Fail(Threshold, now);
        _breaker.OnProbing();
    }

    private void Open(long now)
    {
        Doubt(now);
        Assert.True(_breaker.OnFailed(isProbe: true, now));
    }
}
