using System.Security.Cryptography;
using System.Text;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Discovery;
using Xunit;

namespace AkkaRegenCache.Testing.Contracts;

/// <summary>
/// What every <see cref="ICompareAndSetStore"/> must do. A derived class gives the store, empty for each test or with names of its own, and
/// lets its time pass. A store that passes this carries a cache; <see cref="ExternalStoreContract"/>, over
/// <see cref="CompareAndSetExternalStore"/>, asks for the rest.
/// </summary>
public abstract class CompareAndSetStoreContract
{
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(10);

    private readonly string _prefix = $"arc:contract:{Guid.NewGuid():N}:";

    /// <summary>The store under test.</summary>
    protected abstract ICompareAndSetStore Store { get; }

    /// <summary>The same documents as another process has them: an object, and a connection, of its own.</summary>
    protected abstract ICompareAndSetStore Other { get; }

    /// <summary>Whether documents go at the end of their life; false: they stay until somebody cleans up.</summary>
    protected virtual bool EndsDocuments => true;

    /// <summary>The store's clock ticks at least so often.</summary>
    protected virtual TimeSpan Tolerance => TimeSpan.FromMilliseconds(50);

    /// <summary>A time to live that the tests wait for; longer where the store's clock is coarse.</summary>
    protected virtual TimeSpan ShortLife => TimeSpan.FromSeconds(2);

    /// <summary>Lets time pass for the store: a virtual clock at once, any other by waiting.</summary>
    protected abstract Task AdvanceAsync(TimeSpan time);

    [SharedFact]
    public async Task Of_an_unknown_name_there_is_nothing()
    {
        var found = await Get("unknown");
        Assert.Null(found.Version);
        Assert.True(found.Content.IsEmpty);
    }

    [SharedFact]
    public async Task What_was_set_is_read_byte_for_byte_here_and_elsewhere()
    {
        var content = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();
        Assert.True(await Set("name", content, null));
        Assert.Equal(content, (await Get("name")).Content.ToArray());
        var elsewhere = await Other.GetAsync(_prefix + "name", default);
        Assert.Equal(content, elsewhere.Content.ToArray());
        Assert.Equal((await Get("name")).Version, elsewhere.Version);
    }

    [SharedTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100_000)]
    [InlineData(10_000_000)]
    public async Task Contents_of_any_size_are_contents(int length)
    {
        var content = RandomNumberGenerator.GetBytes(length);
        Assert.True(await Set("name", content, null));
        var found = await Get("name");
        Assert.NotNull(found.Version);
        Assert.True(found.Content.Span.SequenceEqual(content));
        Assert.True(await Set("name", content, found.Version));
    }

    [SharedFact]
    public async Task Where_there_is_a_document_none_is_created()
    {
        var version = await Create("name", "first");
        Assert.False(await Set("name", "second", null));
        await AssertHolds("name", "first", version);
    }

    [SharedFact]
    public async Task Under_the_version_that_was_read_a_document_is_replaced_and_has_another_version()
    {
        var first = await Create("name", "first");
        Assert.True(await Set("name", "second", first));
        var second = (await Get("name")).Version;
        Assert.NotEqual(first, second);
        await AssertHolds("name", "second", second);
    }

    [SharedFact]
    public async Task Under_an_older_version_nothing_is_replaced()
    {
        var first = await Create("name", "first");
        Assert.True(await Set("name", "second", first));
        var second = (await Get("name")).Version;
        Assert.False(await Set("name", "third", first));
        await AssertHolds("name", "second", second);
    }

    [SharedFact]
    public async Task Under_a_version_of_another_document_or_of_none_nothing_is_set()
    {
        var one = await Create("one", "one");
        await Create("two", "two");
        Assert.True(await Set("one", "newer", one));
        Assert.False(await Set("two", "changed", one));
        Assert.False(await Set("unknown", "created", one));
        Assert.Null((await Get("unknown")).Version);
    }

    [SharedFact]
    public async Task A_version_never_comes_back_also_where_the_content_does()
    {
        var versions = new HashSet<string> { await Create("name", "a") };
        for (var i = 0; i < 20; i++)
        {
            Assert.True(await Set("name", i % 2 == 0 ? "b" : "a", (await Get("name")).Version));
            Assert.True(versions.Add((await Get("name")).Version!), "a version came back");
        }
    }

    [SharedFact]
    public async Task Of_many_who_create_at_the_same_moment_one_does()
    {
        for (var round = 0; round < 5; round++)
        {
            var name = $"created{round}";
            var done = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => Set(name, $"{i}", null, At(i)))));
            var winner = Assert.Single(done.Index(), each => each.Item).Index;
            Assert.Equal($"{winner}", Text(await Get(name)));
        }
    }

    [SharedFact]
    public async Task Of_many_who_replace_the_same_version_one_does()
    {
        var version = await Create("name", "before");
        var done = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => Set("name", $"{i}", version, At(i)))));
        var winner = Assert.Single(done.Index(), each => each.Item).Index;
        Assert.Equal($"{winner}", Text(await Get("name")));
    }

    [SharedFact]
    public async Task No_step_of_a_counter_is_lost_whoever_counts()
    {
        const int Counters = 4;
        const int Steps = 25;
        await Create("counter", "0");
        await Task.WhenAll(Enumerable.Range(0, Counters).Select(i => Task.Run(async () =>
        {
            for (var step = 0; step < Steps;)
            {
                var found = await At(i).GetAsync(_prefix + "counter", default);
                var next = int.Parse(Text(found), System.Globalization.CultureInfo.InvariantCulture) + 1;
                if (await Set("counter", $"{next}", found.Version, At(i)))
                    step++;
            }
        })));
        Assert.Equal($"{Counters * Steps}", Text(await Get("counter")));
    }

    [SharedFact]
    public async Task A_document_stays_for_its_life()
    {
        var version = await Create("name", "value", ShortLife);
        await AdvanceAsync(ShortLife * 0.8);
        await AssertHolds("name", "value", version);
    }

    [SharedFact]
    public async Task A_document_ends_with_its_life_and_is_as_if_it_had_never_been()
    {
        var version = await Create("name", "value", ShortLife);
        await AdvanceAsync((ShortLife * 1.1) + Tolerance);
        if (!EndsDocuments)
            return;
        Assert.Null((await Get("name")).Version);
        Assert.False(await Set("name", "late", version));
        Assert.NotEqual(version, await Create("name", "again"));
        Assert.False(await Set("name", "late", version));
        Assert.Equal("again", Text(await Get("name")));
    }

    [SharedFact]
    public async Task A_document_that_is_replaced_has_the_life_that_it_is_given_then()
    {
        var first = await Create("longer", "value", ShortLife);
        Assert.True(await Set("longer", "value", first));
        var second = await Create("shorter", "value");
        Assert.True(await Set("shorter", "value", second, life: ShortLife));
        await AdvanceAsync((ShortLife * 1.1) + Tolerance);
        Assert.Equal("value", Text(await Get("longer")));
        Assert.Equal(!EndsDocuments, (await Get("shorter")).Version is not null);
    }

    [SharedFact]
    public async Task A_set_that_was_refused_prolongs_nothing()
    {
        await Create("name", "value", ShortLife);
        Assert.False(await Set("name", "other", null));
        await AdvanceAsync((ShortLife * 1.1) + Tolerance);
        Assert.Equal(!EndsDocuments, (await Get("name")).Version is not null);
    }

    [SharedFact]
    public async Task A_life_of_years_is_taken()
    {
        await Create("name", "value", TimeSpan.FromDays(3660));
        Assert.Equal("value", Text(await Get("name")));
    }

    [SharedFact]
    public async Task Names_of_the_greatest_length_are_told_apart_by_each_character()
    {
        const string Characters = "abcdefghijklmnopqrstuvwxyz0123456789-.:";
        var stem = _prefix + new string('x', CompareAndSetExternalStore.MaximumNameLength - _prefix.Length - 1);
        foreach (var last in Characters)
            Assert.True(await Store.TrySetAsync(stem + last, Bytes($"{last}"), null, s_long, default));
        foreach (var last in Characters)
            Assert.Equal($"{last}", Text(await Store.GetAsync(stem + last, default)));
        Assert.Null((await Store.GetAsync(stem, default)).Version);
    }

    [SharedFact]
    public async Task The_store_tells_its_time_always_or_never_and_it_does_not_go_back()
    {
        var last = (await Get("unknown")).Time;
        await Create("name", "value");
        for (var i = 0; i < 50; i++)
        {
            var store = At(i);
            var now = (await store.GetAsync(_prefix + (i % 3 == 0 ? "unknown" : "name"), default)).Time;
            Assert.Equal(last is null, now is null);
            Assert.True(last is null || now >= last, $"{now:O} after {last:O}");
            last = now;
        }
    }

    [SharedFact]
    public async Task The_stores_time_goes_on_as_time_passes()
    {
        var before = (await Get("unknown")).Time;
        await AdvanceAsync(ShortLife);
        var after = (await Get("unknown")).Time;
        Assert.True(before is null || after - before >= ShortLife - Tolerance, $"{after:O} after {before:O}");
    }

    [SharedFact]
    public async Task Several_are_read_in_the_order_of_their_names_also_absent_ones_and_the_same_one_twice()
    {
        var names = Enumerable.Range(0, 64).Select(i => $"many{i % 60}").ToList();
        for (var i = 0; i < 60; i += 2)
            await Create($"many{i}", $"{i}");
        var found = await Store.GetManyAsync([.. names.Select(name => _prefix + name)], default);
        Assert.Equal(names.Count, found.Count);
        foreach (var (name, document) in names.Zip(found))
        {
            var alone = await Get(name);
            Assert.Equal((alone.Version, Text(alone)), (document.Version, Text(document)));
        }

        Assert.Empty(await Store.GetManyAsync([], default));
    }

    private ICompareAndSetStore At(int node) => node % 2 == 0 ? Store : Other;

    private ValueTask<StoredDocument> Get(string name) => Store.GetAsync(_prefix + name, default);

    private Task<bool> Set(string name, string content, string? expected, ICompareAndSetStore? store = null, TimeSpan? life = null) =>
        Set(name, Bytes(content), expected, store, life);

    private Task<bool> Set(string name, byte[] content, string? expected, ICompareAndSetStore? store = null, TimeSpan? life = null) =>
        (store ?? Store).TrySetAsync(_prefix + name, content, expected, life ?? s_long, default).AsTask();

    private async Task<string> Create(string name, string content, TimeSpan? life = null)
    {
        Assert.True(await Set(name, content, null, life: life));
        return (await Get(name)).Version!;
    }

    private async Task AssertHolds(string name, string content, string? version)
    {
        var found = await Get(name);
        Assert.Equal((content, version), (Text(found), found.Version));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(in StoredDocument found) => Encoding.UTF8.GetString(found.Content.Span);
}
