using AkkaRegenCache.Core.Tests.Scenarios.Harness;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Scenarios;

/// <summary>C15: null, empty, short and huge values are values, set or generated, on every node.</summary>
[Trait("Row", "C15")]
public abstract class ValueScenarios(FarmMode mode) : Scenario(mode)
{
    public static TheoryData<int> Lengths => [-1, 0, 1, 48, 49, 50, 51, 16 * 1024, (16 * 1024) + 1, 1_000_000];

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task A_string_of_any_length_is_a_value(int length)
    {
        var value = length < 0 ? null : new string('v', length);
        await AssertIsAValueAsync(value, (a, b) => a == b);
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task An_array_of_any_length_is_a_value(int length)
    {
        var value = length < 0 ? null : Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        await AssertIsAValueAsync(value, (a, b) => a is null ? b is null : b is not null && a.AsSpan().SequenceEqual(b));
    }

    [Fact]
    public async Task Ten_megabytes_are_a_value()
    {
        var value = new byte[10 * 1024 * 1024];
        new Random(1).NextBytes(value);
        await AssertIsAValueAsync(value, (a, b) => a!.AsSpan().SequenceEqual(b));
    }

    [Fact]
    public async Task Defaults_of_value_types_and_empty_collections_are_values()
    {
        await AssertIsAValueAsync(0, (a, b) => a == b);
        await AssertIsAValueAsync(false, (a, b) => a == b);
        await AssertIsAValueAsync((int?)null, (a, b) => a == b);
        await AssertIsAValueAsync(default(Guid), (a, b) => a == b);
        await AssertIsAValueAsync((1, "two"), (a, b) => a == b);
        await AssertIsAValueAsync(new List<int>(), (a, b) => b is { Count: 0 });
        await AssertIsAValueAsync(new Dictionary<string, string?> { ["a"] = null }, (a, b) => b is { Count: 1 } && b["a"] is null);
    }

    [Fact]
    public async Task A_value_too_large_for_the_store_is_kept_in_the_memory_of_its_node()
    {
        await using var farm = NewFarm(2, options => options.MaximumPayloadBytes = 1000);
        var huge = new string('x', 5000);

        var made = await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync("made", huge, static (v, _) => new ValueTask<string>(v), Passive));
        await farm.SetAsync(0, "set", huge, Passive);

        Assert.Equal(huge, made);
        foreach (var key in (string[])["made", "set"])
            Assert.Equal(huge, (await farm.TryGetAsync<string>(0, key)).Value);
        await AssertNothingLeftAsync(farm);
    }

    private async Task AssertIsAValueAsync<T>(T value, Func<T?, T?, bool> equal)
    {
        await using var farm = NewFarm(nodes: 3);
        var runs = 0;
        await farm.SetAsync(0, "set", value, Active);
        await farm.AnswerAsync(MakeAsync(0));

        for (var round = 0; round < 3; round++)
        {
            foreach (var i in farm.Indexes)
            {
                foreach (var key in (string[])["made", "set"])
                {
                    var read = await farm.TryGetAsync<T>(i, key);
                    Assert.True(read.Found, $"node {i} does not find '{key}'");
                    Assert.True(equal(value, read.Value), $"node {i} has another value for '{key}'");
                }

                Assert.True(equal(value, await farm.AnswerAsync(MakeAsync(i))));
            }

            Assert.Equal(1 + round, runs);
            await farm.AdvanceAsync(Seconds(round == 0 ? 2.5 : 2));
        }

        Task<T> MakeAsync(int node) => farm.Node(node).GetOrCreateAsync(
            "made",
            async ct =>
            {
                Interlocked.Increment(ref runs);
                await farm.DelayAsync(Seconds(0.1), ct);
                return value;
            },
            Active).AsTask();
    }
}
