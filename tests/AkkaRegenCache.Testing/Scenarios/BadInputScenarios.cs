using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>C15: bad input is a clear error that names the thing; odd values are values.</summary>
[Trait("Row", "C15")]
public abstract class BadInputScenarios(FarmMode mode) : Scenario(mode)
{
    private static readonly Func<CancellationToken, ValueTask<string>> s_make = static _ => new("made");

    public static TheoryData<string, string?, string> BadKeys => new()
    {
        { "null", null, "key" },
        { "empty", "", "empty" },
        { "1,025 characters", "long" + new string('x', 1021), "'longxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has 1025 characters" },
        { "lone high surrogate", "a\ud800b", "U+D800) at position 1" },
        { "lone low surrogate", "\udc00", "U+DC00) at position 0" },
        { "surrogates in the wrong order", "ab\udc00\ud800", "U+DC00) at position 2" },
    };

    public static TheoryData<string, RegenEntryOptions> BadOptions => new()
    {
        { "RegenerationInterval", new RegenEntryOptions { RegenerationInterval = TimeSpan.Zero } },
        { "RegenerationInterval", new RegenEntryOptions { RegenerationInterval = Seconds(-1) } },
        { "RegenerationInterval", new RegenEntryOptions { RegenerationInterval = TimeSpan.MaxValue } },
        { "InactiveRetention", new RegenEntryOptions { InactiveRetention = Seconds(-1) } },
        { "InactiveRetention", new RegenEntryOptions { InactiveRetention = TimeSpan.MaxValue } },
        { "MinimumForwardScheduling", new RegenEntryOptions { MinimumForwardScheduling = Timeout.InfiniteTimeSpan } },
        { "GenerationDeadline", new RegenEntryOptions { GenerationDeadline = Timeout.InfiniteTimeSpan } },
        { "FailureBackoff", new RegenEntryOptions { FailureBackoff = Timeout.InfiniteTimeSpan } },
        { "ExpiryTolerance", new RegenEntryOptions { ExpiryTolerance = TimeSpan.FromTicks(-1) } },
        { "ExpiryTolerance", new RegenEntryOptions { ExpiryTolerance = TimeSpan.FromDays(3651) } },
        { "MinimumForwardScheduling", new RegenEntryOptions { MinimumForwardScheduling = TimeSpan.MinValue } },
        { "GenerationDeadline", new RegenEntryOptions { GenerationDeadline = TimeSpan.Zero } },
        { "GenerationDeadline", new RegenEntryOptions { GenerationDeadline = TimeSpan.MaxValue } },
        { "HardTimeout", new RegenEntryOptions { HardTimeout = TimeSpan.Zero } },
        { "HardTimeout", new RegenEntryOptions { HardTimeout = TimeSpan.MaxValue } },
        { "FailureBackoff", new RegenEntryOptions { FailureBackoff = Seconds(-1) } },
        { "Size", new RegenEntryOptions { Size = -1 } },
    };

    [SharedTheory]
    [MemberData(nameof(BadKeys), DisableDiscoveryEnumeration = true)]
    public async Task A_key_that_is_not_usable_is_an_error_that_tells_why(string what, string? key, string expected)
    {
        _ = what;
        await using var farm = NewFarm();
        var cache = farm.Node(0);
        var calls = new Func<Task>[]
        {
            () => cache.GetOrCreateAsync(key!, s_make).AsTask(),
            () => cache.GetOrCreateAsync(key!, (_, _) => new ValueTask<int>(1)).AsTask(),
            () => cache.TryGetAsync<string>(key!).AsTask(),
            () => cache.GetAsync<string>(key!).AsTask(),
            () => cache.SetAsync(key!, "value").AsTask(),
            () => cache.RemoveAsync(key!).AsTask(),
            () => cache.RefreshAsync<string>(key!).AsTask(),
            () => cache.RefreshAsync(key!, s_make).AsTask(),
            () => Task.FromResult(cache.GetOrAdd(key!, () => 1, Seconds(1), Seconds(1))),
        };

        foreach (var call in calls)
            Assert.Contains(expected, (await Assert.ThrowsAnyAsync<ArgumentException>(call)).Message, StringComparison.Ordinal);
        Assert.Equal(0, farm.MemoryEntries(0));
    }

    [SharedFact]
    public async Task Keys_at_the_edge_of_what_is_allowed_are_keys_of_their_own()
    {
        await using var farm = NewFarm(nodes: 2);
        string[] keys = [new('x', 1024), new('x', 1023), " ", "  ", "\0", "\ud83d\ude00", "é", "e\u0301", "KEY", "key", "a:b", "{a}", "\n"];
        foreach (var key in keys)
            await farm.SetAsync(0, key, $"of {key}", Passive);

        foreach (var key in keys)
            Assert.Equal($"of {key}", (await farm.TryGetAsync<string>(1, key)).Value);
    }

    [SharedTheory]
    [MemberData(nameof(BadOptions), DisableDiscoveryEnumeration = true)]
    public async Task An_option_that_is_not_usable_is_an_error_that_names_it(string name, RegenEntryOptions options)
    {
        await using var farm = NewFarm();
        var cache = farm.Node(0);
        var calls = new Func<Task>[]
        {
            () => cache.GetOrCreateAsync(Key, s_make, options).AsTask(),
            () => cache.SetAsync(Key, "value", options).AsTask(),
            () => cache.RefreshAsync(Key, s_make, options).AsTask(),
        };

        foreach (var call in calls)
            Assert.Contains(name, (await Assert.ThrowsAnyAsync<ArgumentException>(call)).Message, StringComparison.Ordinal);
        await AssertFoundNowhereAsync(farm);
    }

    [SharedFact]
    public async Task The_longest_durations_are_usable()
    {
        await using var farm = NewFarm(nodes: 2);
        var longest = RegenEntryOptions.MaximumDuration;
        var options = new RegenEntryOptions
        {
            RegenerationInterval = longest,
            InactiveRetention = longest,
            ExpiryTolerance = longest,
            MinimumForwardScheduling = longest,
            GenerationDeadline = longest,
            HardTimeout = longest,
            FailureBackoff = longest,
        };
        var generator = new TestGenerator(farm, takes: Seconds(1));

        Assert.Equal("value 1", await farm.GetAsync(0, generator, options));
        Assert.Equal("value 1", await farm.GetAsync(1, generator, options));
        await farm.RemoveAsync(1, Key);
        generator.Body = static (_, _) => throw new FormatException("no value");
        await farm.FailureAsync<FormatException>(farm.Call(0, generator, options));
    }

    [SharedFact]
    public async Task A_missing_generator_is_an_error_that_names_it()
    {
        await using var farm = NewFarm();
        var cache = farm.Node(0);

        await Assert.ThrowsAsync<ArgumentNullException>(
            "generator", async () => await cache.GetOrCreateAsync(Key, (Func<CancellationToken, ValueTask<string>>)null!));
        await Assert.ThrowsAsync<ArgumentNullException>(
            "generator", async () => await cache.RefreshAsync(Key, (Func<CancellationToken, ValueTask<string>>)null!));
        await Assert.ThrowsAsync<ArgumentNullException>(
            "generator", async () => await cache.GetOrCreateAsync(Key, 1, (Func<int, CancellationToken, ValueTask<string>>)null!));
        Assert.Throws<ArgumentNullException>("generateFunc", () => cache.GetOrAdd<string>(Key, null!, Seconds(1), Seconds(1)));
    }

    [SharedTheory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_value_of_another_type_at_a_key_is_an_error_that_names_the_key_and_leaves_the_value(int node)
    {
        await using var farm = NewFarm(nodes: 2, options => options.UnreadableValues = UnreadableValues.Throw);
        await farm.SetAsync(0, Key, "not a number", Passive);

        var errors = new[]
        {
            await farm.FailureAsync<InvalidOperationException>(FarmCalls.TryCall(() => farm.Node(node).TryGetAsync<int>(Key).AsTask())),
            await farm.FailureAsync<InvalidOperationException>(FarmCalls.TryCall(() => farm.Node(node).GetOrCreateAsync(Key, _ => new ValueTask<int>(1)).AsTask())),
        };

        Assert.All(errors, error => Assert.Contains($"'{Key}'", error.Message, StringComparison.Ordinal));
        Assert.Equal("not a number", (await farm.TryGetAsync<string>(0, Key)).Value);
        Assert.Equal("not a number", (await farm.TryGetAsync<string>(1, Key)).Value);
    }

    [SharedFact]
    public async Task Null_where_a_value_type_is_asked_for_is_an_error_that_names_the_key()
    {
        await using var farm = NewFarm(nodes: 2, options => options.UnreadableValues = UnreadableValues.Throw);
        await farm.SetAsync<string?>(0, Key, null, Passive);

        foreach (var i in farm.Indexes)
        {
            var error = await farm.FailureAsync<InvalidOperationException>(FarmCalls.TryCall(() => farm.Node(i).TryGetAsync<int>(Key).AsTask()));
            Assert.Contains($"'{Key}'", error.Message, StringComparison.Ordinal);
            Assert.Equal(new CacheResult<int?>(true, null), await farm.TryGetAsync<int?>(i, Key));
        }
    }
}
