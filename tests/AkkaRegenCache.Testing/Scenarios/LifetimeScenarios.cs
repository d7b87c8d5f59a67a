using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A7 keys with nothing but a time to live, and durations without end.</summary>
[Trait("Row", "A7")]
public abstract class LifetimeScenarios(FarmMode mode) : Scenario(mode)
{
    /// <summary>Longer than all that the defaults give: an interval of a minute, half a minute of tolerance, ten of retention.</summary>
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(13);

    [SharedTheory]
    [InlineData(0.5)]
    [InlineData(10)]
    public async Task A_value_lives_for_its_lifetime_and_no_longer_and_is_made_when_somebody_asks(double seconds)
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        var lifetime = Seconds(seconds);
        foreach (var i in farm.Indexes)
            Assert.Equal("value 1", await farm.AnswerAsync(farm.Node(i).GetOrCreateAsync(Key, lifetime, generator.Run)));

        await farm.AdvanceAsync(lifetime - Seconds(0.1) - farm.Slack);
        await AssertShownEverywhereAsync(farm, "value 1");
        await farm.AdvanceAsync(Seconds(0.1) + (2 * farm.Slack));
        await AssertFoundNowhereAsync(farm);
        await farm.AdvanceAsync(2 * lifetime);

        Assert.Equal(1, generator.Runs);
        Assert.Equal("value 2", await farm.AnswerAsync(farm.Node(1).GetOrCreateAsync(Key, lifetime, generator.Run)));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_value_that_was_set_lives_for_its_lifetime_and_no_longer()
    {
        await using var farm = NewFarm(nodes: 2);
        await farm.AnswerAsync(farm.Node(0).SetAsync(Key, "set", Seconds(10)));
        await farm.TryGetAsync<string>(1, Key);

        await farm.AdvanceAsync(Seconds(9.9) - farm.Slack);
        await AssertShownEverywhereAsync(farm, "set");
        await farm.AdvanceAsync(Seconds(0.1) + (2 * farm.Slack));
        await AssertFoundNowhereAsync(farm);
    }

    [SharedFact]
    public async Task A_state_is_handed_to_the_generator()
    {
        await using var farm = NewFarm();

        var value = await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync(
            Key, Seconds(10), 41, static (state, _) => new ValueTask<string>($"made of {state + 1}")));

        Assert.Equal("made of 42", value);
    }

    [SharedFact]
    public async Task A_lifetime_without_end_has_none()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        foreach (var i in farm.Indexes)
            await farm.AnswerAsync(farm.Node(i).GetOrCreateAsync(Key, Timeout.InfiniteTimeSpan, generator.Run));
        await farm.AnswerAsync(farm.Node(0).SetAsync("set", "set", Timeout.InfiniteTimeSpan));
        await farm.TryGetAsync<string>(1, "set");

        await farm.AdvanceAsync(s_long);

        await AssertShownEverywhereAsync(farm, "value 1");
        await AssertShownEverywhereAsync(farm, "set", "set");
        var newcomer = farm.Join();
        Assert.Equal("value 1", await farm.AnswerAsync(farm.Node(newcomer).GetOrCreateAsync(Key, Timeout.InfiniteTimeSpan, generator.Run)));
        Assert.Equal("set", (await farm.TryGetAsync<string>(newcomer, "set")).Value);
        Assert.Equal(1, generator.Runs);

        await farm.RemoveAsync(newcomer, Key);
        Assert.Equal("value 2", await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync(Key, Timeout.InfiniteTimeSpan, generator.Run)));
    }

    [SharedFact]
    public async Task A_retention_without_end_regenerates_a_key_that_nobody_reads()
    {
        await using var farm = NewFarm(nodes: 2);
        var generator = new TestGenerator(farm);
        var options = new RegenEntryOptions
        {
            RegenerationInterval = TimeSpan.FromMinutes(1),
            InactiveRetention = Timeout.InfiniteTimeSpan,
        };
        await farm.GetAsync(0, generator, options);

        await farm.AdvanceAsync(s_long + Seconds(30));

        Assert.Equal(1 + s_long.TotalMinutes, generator.Runs);
    }

    [SharedFact]
    public async Task A_tolerance_without_end_shows_the_last_value_for_as_long_as_no_newer_one_can_be_made()
    {
        await using var farm = NewFarm();
        var generator = new TestGenerator(farm);
        var options = Active with { ExpiryTolerance = Timeout.InfiniteTimeSpan, InactiveRetention = Timeout.InfiniteTimeSpan };
        await farm.GetAsync(0, generator, options);
        generator.Body = static (_, _) => throw new FormatException("no value");

        await farm.AdvanceAsync(TimeSpan.FromMinutes(2));

        Assert.Equal("value 1", farm.Hit(0, generator, options));
        Assert.InRange(generator.Runs, 2, int.MaxValue);
    }

    [SharedFact]
    public async Task All_that_may_be_without_end_may_be_so_together()
    {
        await using var farm = NewFarm(nodes: 2);
        var options = new RegenEntryOptions
        {
            RegenerationInterval = Timeout.InfiniteTimeSpan,
            InactiveRetention = Timeout.InfiniteTimeSpan,
            ExpiryTolerance = Timeout.InfiniteTimeSpan,
            HardTimeout = Timeout.InfiniteTimeSpan,
        };
        var generator = new TestGenerator(farm, takes: Seconds(1));

        Assert.Equal("value 1", await farm.GetAsync(0, generator, options));
        Assert.Equal("value 1", await farm.GetAsync(1, generator, options));
        await farm.SetAsync(1, Key, "set", options);
        await farm.AdvanceAsync(TimeSpan.FromMinutes(2));
        await AssertShownEverywhereAsync(farm, "set");
        Assert.Equal(1, generator.Runs);
    }

    [SharedTheory]
    [InlineData(0)]
    [InlineData(-1_000)]
    [InlineData(-2)]
    [InlineData(3651L * 24 * 60 * 60 * 1_000)]
    public async Task A_lifetime_that_is_not_usable_is_an_error_that_names_it(long milliseconds)
    {
        await using var farm = NewFarm();
        var lifetime = TimeSpan.FromMilliseconds(milliseconds);
        var cache = farm.Node(0);
        var calls = new Func<Task>[]
        {
            () => cache.GetOrCreateAsync(Key, lifetime, static _ => new ValueTask<string>("made")).AsTask(),
            () => cache.GetOrCreateAsync(Key, lifetime, 1, static (_, _) => new ValueTask<string>("made")).AsTask(),
            () => cache.SetAsync(Key, "value", lifetime).AsTask(),
        };

        foreach (var call in calls)
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>("lifetime", call);
        await AssertFoundNowhereAsync(farm);
    }
}
