using AkkaRegenCache.Core.Tests.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Hosting;

/// <summary>A11: what may be registered and what may be asked for, and how errors name it.</summary>
public sealed class KeyspaceRegistrationTests
{
    [Theory]
    [InlineData(null, "keyspace")]
    [InlineData("", "keyspace")]
    [InlineData(":", "':'")]
    [InlineData("us:ers", "'us:ers'")]
    [InlineData("users:", "'users:'")]
    public void A_name_that_is_not_usable_is_an_error_that_tells_why(string? name, string expected)
    {
        var builder = new ServiceCollection().AddRegenCache();

        var error = Assert.ThrowsAny<ArgumentException>(() => builder.AddKeyspace(name!, (_, _, _) => new ValueTask<int>(1)));

        Assert.Equal("keyspace", error.ParamName);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_with_a_lone_surrogate_is_an_error_that_tells_where()
    {
        var builder = new ServiceCollection().AddRegenCache();

        var error = Assert.Throws<ArgumentException>(() => builder.AddKeyspace("us\udc00ers", (_, _, _) => new ValueTask<int>(1)));

        Assert.Contains("U+DC00) at position 2", error.Message, StringComparison.Ordinal);
        builder.AddKeyspace("\ud83d\ude00", (_, _, _) => new ValueTask<int>(1));
    }

    [Fact]
    public void A_name_that_is_taken_in_the_same_cache_is_an_error_that_names_both()
    {
        var services = new ServiceCollection();
        var catalog = services.AddRegenCache("catalog").AddKeyspace("users", (_, _, _) => new ValueTask<int>(1));

        var error = Assert.Throws<ArgumentException>(() => catalog.AddKeyspace("users", (_, _, _, _) => new ValueTask<string>("")));

        Assert.Contains("'catalog'", error.Message, StringComparison.Ordinal);
        Assert.Contains("'users'", error.Message, StringComparison.Ordinal);
        catalog.AddKeyspace("Users", (_, _, _) => new ValueTask<int>(1));
        services.AddRegenCache("prices").AddKeyspace("users", (_, _, _) => new ValueTask<int>(1));
    }

    [Fact]
    public void A_missing_generator_and_an_option_that_is_not_usable_are_errors_that_name_them()
    {
        var builder = new ServiceCollection().AddRegenCache();

        Assert.Throws<ArgumentNullException>(
            "generator", () => builder.AddKeyspace("users", (Func<IServiceProvider, string, CancellationToken, ValueTask<int>>)null!));
        Assert.Throws<ArgumentNullException>(
            "generator", () => builder.AddKeyspace("users", (Func<IServiceProvider, string, GenerationContext, CancellationToken, ValueTask<int>>)null!));
        var error = Assert.Throws<ArgumentException>("options", () => builder.AddKeyspace(
            "users", (_, _, _) => new ValueTask<int>(1), new RegenEntryOptions { Size = -1 }));
        Assert.Contains("'users': Size is -1", error.Message, StringComparison.Ordinal);

        // What was refused is not registered.
        builder.AddKeyspace("users", (_, _, _) => new ValueTask<int>(1));
    }

    [Fact]
    public async Task Caches_have_their_own_keyspaces()
    {
        var services = new ServiceCollection();
        services.AddRegenCache("catalog").AddKeyspace("users", (_, key, _) => new ValueTask<string>($"catalog {key}"));
        services.AddRegenCache("prices").AddKeyspace("users", (_, key, _) => new ValueTask<string>($"prices {key}"));
        await using var provider = services.BuildServiceProvider();

        foreach (var name in (string[])["catalog", "prices"])
            Assert.Equal($"{name} 42", await provider.GetRequiredKeyedService<IRegenCache>(name).GetAsync<string>("users", "42"));
    }

    [Theory]
    [InlineData("orders:42", "no keyspace 'orders' (of the key 'orders:42')")]
    [InlineData("users2:42", "no keyspace 'users2'")]
    [InlineData("user:42", "no keyspace 'user'")]
    [InlineData("Users:42", "no keyspace 'Users'")]
    [InlineData(":users:42", "no keyspace ''")]
    [InlineData("users", "The key 'users' has no keyspace")]
    [InlineData("users:", "The key 'users:' has nothing after its keyspace")]
    public async Task A_key_whose_keyspace_is_not_registered_is_an_error_that_names_it(string key, string expected)
    {
        var runs = 0;
        await using var provider = Application((_, _, _) => new ValueTask<int>(++runs));
        var cache = provider.GetRequiredService<IRegenCache>();

        var error = await Assert.ThrowsAsync<ArgumentException>(nameof(key), async () => await cache.GetAsync<int>(key));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.RefreshAsync<int>(key));
        Assert.Equal(0, runs);

        // Nor does a value help that somebody else has put there.
        await cache.GetOrCreateAsync(key, static _ => new ValueTask<int>(7));
        await cache.QuietAsync();
        await Assert.ThrowsAsync<ArgumentException>(nameof(key), async () => await cache.GetAsync<int>(key));
    }

    [Fact]
    public async Task Without_any_keyspace_the_error_is_the_same()
    {
        await using var cache = new RegenCache("bare");

        var error = await Assert.ThrowsAsync<ArgumentException>("key", async () => await cache.GetAsync<int>("users:42"));

        Assert.Contains("Cache 'bare' has no keyspace 'users'", error.Message, StringComparison.Ordinal);
        Assert.Null(cache.Shell.Settings.SourceFor);
    }

    [Fact]
    public async Task A_keyspace_with_a_colon_is_not_taken_for_another_ones_key()
    {
        await using var provider = Application((_, _, _) => new ValueTask<int>(1));
        var cache = provider.GetRequiredService<IRegenCache>();

        var error = await Assert.ThrowsAsync<ArgumentException>("keyspace", async () => await cache.GetAsync<int>("users:4", "2"));

        Assert.Contains("'users:4'", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentNullException>("keyspace", async () => await cache.GetAsync<int>(null!, "2"));
        await Assert.ThrowsAsync<ArgumentNullException>("key", async () => await cache.GetAsync<int>("users", (string)null!));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Another_type_than_the_registered_one_is_an_error_that_names_both(bool isWarm)
    {
        var runs = 0;
        await using var provider = Application((_, _, _) => new ValueTask<int>(++runs));
        var cache = provider.GetRequiredService<IRegenCache>();
        if (isWarm)
        {
            await cache.GetAsync<int>("users:42");
            await cache.QuietAsync();
        }

        var errors = new[]
        {
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.GetAsync<string>("users:42")),
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.GetAsync<string>("users", "42")),
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.RefreshAsync<string>("users:42")),
        };

        foreach (var error in errors)
            Assert.All((string[])["'users'", "'users:42'", "System.Int32", "System.String"], each => Assert.Contains(each, error.Message, StringComparison.Ordinal));

        // The very type: a value that would fit today needn't tomorrow, and in a store it is bytes.
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.GetAsync<object>("users:42"));
        Assert.Equal(isWarm ? 1 : 0, runs);
    }

    [Fact]
    public async Task The_machine_is_given_one_source_for_all_keys_of_a_keyspace()
    {
        await using var provider = Application((_, _, _) => new ValueTask<int>(1));
        var sourceFor = ((RegenCache)provider.GetRequiredService<IRegenCache>()).Shell.Settings.SourceFor!;
        var source = sourceFor("users:1");

        Assert.NotNull(source);
        Assert.Equal(TimeSpan.FromSeconds(7).Ticks, source.Profile.Interval);
        Assert.Same(source, sourceFor("users:2"));
        Assert.All((string[])["", ":", "users", "users:", "user:1", "users1:1", ":users:1"], key => Assert.Null(sourceFor(key)));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            sourceFor("users:1");
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task After_disposal_a_read_throws()
    {
        IRegenCache cache;
        await using (var provider = Application((_, _, _) => new ValueTask<int>(1)))
        {
            cache = provider.GetRequiredService<IRegenCache>();
            await cache.GetAsync<int>("users:42");
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await cache.GetAsync<int>("users:42"));
    }

    [Fact]
    public async Task Another_implementation_of_the_interface_is_asked_for_the_whole_key()
    {
        IRegenCache cache = new Echo();

        Assert.Equal("users:42", await cache.GetAsync<string>("users:42"));
        Assert.Equal("users:42", await cache.GetAsync<string>("users", "42"));
    }

    private static ServiceProvider Application(Func<IServiceProvider, string, CancellationToken, ValueTask<int>> generator)
    {
        var services = new ServiceCollection();
        services.AddRegenCache("catalog").AddKeyspace("users", generator, new RegenEntryOptions { RegenerationInterval = TimeSpan.FromSeconds(7) });
        return services.BuildServiceProvider();
    }

    /// <summary>A test double: the value of a key is the key.</summary>
    private sealed class Echo : IRegenCache
    {
        public string Name => "echo";

        public ValueTask<T> GetAsync<T>(string key, CancellationToken cancellationToken) => new((T)(object)key);

        public ValueTask<ChangeResult> SetAsync<T>(string key, T value, RegenEntryOptions? options, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<ChangeResult> RemoveAsync(string key, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<T> RefreshAsync<T>(string key, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<T> RefreshAsync<TState, T>(
            string key, TState state, Func<TState, CancellationToken, ValueTask<T>> generator, RegenEntryOptions? options, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public T GetOrAdd<T>(string key, Func<T> generateFunc, TimeSpan inactiveRetention, TimeSpan regenerationInterval) => throw new NotSupportedException();

        public ValueTask<T> GetOrCreateAsync<TState, T>(
            string key,
            TState state,
            Func<TState, CancellationToken, ValueTask<T>> generator,
            RegenEntryOptions? options,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<T> GetOrCreateAsync<TState, T>(
            string key,
            TState state,
            Func<TState, GenerationContext, CancellationToken, ValueTask<T>> generator,
            RegenEntryOptions? options,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<CacheResult<T>> TryGetAsync<T>(string key, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
