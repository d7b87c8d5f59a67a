using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>C15: null, empty, short and huge values are values, set or generated, on every node.</summary>
[Trait("Row", "C15")]
public abstract class ValueScenarios(FarmMode mode) : Scenario(mode)
{
    public static TheoryData<int> Lengths => [-1, 0, 1, 48, 49, 50, 51, 16 * 1024, (16 * 1024) + 1, 1_000_000];

    [SharedTheory]
    [MemberData(nameof(Lengths))]
    public async Task A_string_of_any_length_is_a_value(int length)
    {
        var value = length < 0 ? null : new string('v', length);
        await AssertIsAValueAsync(value, (a, b) => a == b);
    }

    [SharedTheory]
    [MemberData(nameof(Lengths))]
    public async Task An_array_of_any_length_is_a_value(int length)
    {
        var value = length < 0 ? null : Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        await AssertIsAValueAsync(value, (a, b) => a is null ? b is null : b is not null && a.AsSpan().SequenceEqual(b));
    }

    [SharedFact]
    public async Task Ten_megabytes_are_a_value()
    {
        var value = new byte[10 * 1024 * 1024];
        new Random(1).NextBytes(value);
        await AssertIsAValueAsync(value, (a, b) => a!.AsSpan().SequenceEqual(b));
    }

    [SharedFact]
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

    [SharedFact]
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

    [SharedFact]
    [Trait("Row", "C16")]
    public async Task A_value_of_another_version_of_its_type_is_made_anew_once_and_both_versions_are_served()
    {
        await using var farm = NewFarm(nodes: 3);
        await farm.SetAsync(0, Key, new OldProduct("old"), Active);
        var runs = 0;
        async ValueTask<NewProduct> Generate(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref runs);
            await farm.DelayAsync(Seconds(0.5), cancellationToken);
            return new NewProduct("new") { Price = 5 };
        }

        Assert.Equal("old", (await farm.TryGetAsync<OldProduct>(1, Key)).Value?.Name);
        Assert.False((await farm.TryGetAsync<NewProduct>(2, Key)).Found);
        var calls = await farm.CallTogetherAsync(farm.Indexes, 10, node => farm.Node(node).GetOrCreateAsync(Key, Generate, Passive).AsTask());
        Assert.All(await farm.AnswersAsync(calls), product => Assert.Equal(new NewProduct("new") { Price = 5 }, product));
        Assert.Equal(1, runs);

        foreach (var i in farm.Indexes)
        {
            Assert.Equal(new NewProduct("new") { Price = 5 }, (await farm.TryGetAsync<NewProduct>(i, Key)).Value);
            Assert.Equal("new", (await farm.AnswerAsync(farm.Node(i).GetOrCreateAsync(Key, _ => new ValueTask<OldProduct>(new OldProduct("none")), Passive))).Name);
        }

        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    [Trait("Row", "C16")]
    public async Task Two_versions_of_an_application_are_served_side_by_side()
    {
        // Node 0 is old and makes the value every 2 seconds; the others are new, and read.
        await using var farm = NewFarm(nodes: 3);
        async ValueTask<OldProduct> MakeOld(CancellationToken cancellationToken)
        {
            await farm.DelayAsync(Seconds(0.1), cancellationToken);
            return new OldProduct("old");
        }

        async ValueTask<NewProduct> MakeNew(CancellationToken cancellationToken)
        {
            await farm.DelayAsync(Seconds(0.1), cancellationToken);
            return new NewProduct("new") { Price = 5 };
        }

        for (var round = 0; round < 40; round++)
        {
            await farm.AnswerAsync(farm.Node(0).GetOrCreateAsync(Key, MakeOld, Active));
            foreach (var i in (int[])[1, 2])
                Assert.Equal(5, (await farm.AnswerAsync(farm.Node(i).GetOrCreateAsync(Key, MakeNew, Active))).Price);
            await farm.AdvanceAsync(Seconds(0.25));
        }
    }

    [SharedFact]
    [Trait("Row", "C16")]
    public async Task A_refresh_that_gets_what_it_cannot_read_makes_the_value_itself()
    {
        await using var farm = NewFarm(nodes: 2);
        var gate = farm.NewGate();
        var old = farm.Node(0).RefreshAsync(Key, async cancellationToken =>
        {
            await gate.PassAsync(cancellationToken);
            return new OldProduct("old");
        }, Passive).AsTask();
        await farm.SettleAsync();
        var refreshed = farm.Node(1).RefreshAsync(Key, _ => new ValueTask<NewProduct>(new NewProduct("new") { Price = 5 }), Passive).AsTask();
        await farm.SettleAsync();
        gate.Open();

        Assert.Equal("old", (await farm.AnswerAsync(old)).Name);
        Assert.Equal(5, (await farm.AnswerAsync(refreshed)).Price);
        Assert.Equal(5, (await farm.TryGetAsync<NewProduct>(1, Key)).Value?.Price);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task All_who_wait_on_a_node_for_a_value_from_another_share_one_instance()
    {
        await using var farm = NewFarm(nodes: 2);
        await farm.SetAsync(0, Key, new OldProduct("shared"), Passive);
        var calls = await farm.CallTogetherAsync([1], 40, node => farm.Node(node).GetOrCreateAsync(Key, _ => new ValueTask<OldProduct>(new OldProduct("none")), Passive).AsTask());
        var answers = await farm.AnswersAsync(calls);

        Assert.Equal("shared", answers[0].Name);
        Assert.All(answers, answer => Assert.Same(answers[0], answer));
    }

    [SharedFact]
    [Trait("Row", "C16")]
    public async Task On_request_a_value_that_cannot_be_read_is_an_error()
    {
        await using var farm = NewFarm(nodes: 2, options => options.UnreadableValues = UnreadableValues.Throw);
        await farm.SetAsync(0, Key, new OldProduct("old"), Passive);
        foreach (var i in farm.Indexes)
        {
            var error = await farm.FailureAsync<InvalidOperationException>(
                FarmCalls.TryCall(() => farm.Node(i).GetOrCreateAsync(Key, _ => new ValueTask<NewProduct>(new NewProduct("new") { Price = 5 }), Passive).AsTask()));
            Assert.Contains(Key, error.Message, StringComparison.Ordinal);
            await farm.FailureAsync<InvalidOperationException>(FarmCalls.TryCall(() => farm.Node(i).TryGetAsync<NewProduct>(Key).AsTask()));
            Assert.Equal("old", (await farm.TryGetAsync<OldProduct>(i, Key)).Value?.Name);
        }
    }

    [SharedFact]
    [Trait("Row", "C16")]
    public async Task A_value_is_read_as_another_type_alike_on_all_nodes()
    {
        await using var farm = NewFarm(nodes: 2);
        await farm.SetAsync(0, "number", 5, Passive);
        await farm.SetAsync(0, "text", "no number", Passive);
        await farm.SetAsync(0, "half", "\ud800", Passive);
        await farm.SetAsync(0, "nan", double.NaN, Passive);
        foreach (var i in (int[])[0, 1, 0, 1])
        {
            Assert.Equal(5L, (await farm.TryGetAsync<long>(i, "number")).Value);
            Assert.Equal(5L, await farm.AnswerAsync(farm.Node(i).GetOrCreateAsync("number", _ => new ValueTask<long>(6L), Passive)));
            Assert.False((await farm.TryGetAsync<int>(i, "text")).Found);
            Assert.Equal("\ud800", (await farm.TryGetAsync<string>(i, "half")).Value);
            Assert.Equal(double.NaN, (await farm.TryGetAsync<double>(i, "nan")).Value);
        }

        foreach (var i in farm.Indexes)
            Assert.Equal(7, await farm.AnswerAsync(farm.Node(i).GetOrCreateAsync("text", _ => new ValueTask<int>(7), Passive)));
        await AssertNothingLeftAsync(farm);
    }

    private sealed record OldProduct(string Name);

    private sealed record NewProduct(string Name)
    {
        public required int Price { get; init; }
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
