using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using AkkaRegenCache.Core.Tests.Storage;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Time;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Hosting;

/// <summary>Registration, named and keyed, and options validated at start.</summary>
public sealed class RegistrationTests
{
    [Fact]
    public async Task Caches_are_registered_under_their_names_and_the_first_one_also_without()
    {
        var services = new ServiceCollection();
        services.AddRegenCache("catalog");
        services.AddRegenCache("prices");
        await using var provider = services.BuildServiceProvider();

        var catalog = provider.GetRequiredKeyedService<IRegenCache>("catalog");
        var prices = provider.GetRequiredKeyedService<IRegenCache>("prices");

        Assert.Equal(("catalog", "prices"), (catalog.Name, prices.Name));
        Assert.Same(catalog, provider.GetRequiredService<IRegenCache>());
        Assert.Same(catalog, provider.GetRequiredKeyedService<IRegenCache>("catalog"));
        Assert.Null(provider.GetKeyedService<IRegenCache>("unknown"));
    }

    [Fact]
    public void A_name_that_is_taken_is_an_error_that_names_it()
    {
        var services = new ServiceCollection();
        services.AddRegenCache("catalog");

        var error = Assert.Throws<ArgumentException>(() => services.AddRegenCache("catalog"));

        Assert.Contains("'catalog'", error.Message, StringComparison.Ordinal);
        services.AddRegenCache("Catalog");
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    public void An_empty_name_is_an_error(string name) =>
        Assert.Throws<ArgumentException>(nameof(name), () => new ServiceCollection().AddRegenCache(name));

    [Fact]
    public async Task Options_that_are_not_usable_stop_the_host_at_its_start_and_are_named_with_their_cache()
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddRegenCache("catalog", options =>
        {
            options.MaximumEntries = 0;
            options.ClaimLease = TimeSpan.FromDays(1);
            options.DefaultEntryOptions = new RegenEntryOptions { RegenerationInterval = TimeSpan.FromSeconds(-1) };
        });
        builder.Services.AddRegenCache("prices", options => options.JitterShare = 0.7);
        using var host = builder.Build();

        var error = await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync());

        foreach (var expected in (string[])["'catalog'", "MaximumEntries", "ClaimLease", "DefaultEntryOptions: RegenerationInterval", "'prices'", "JitterShare"])
            Assert.Contains(expected, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_that_are_usable_start_the_host()
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddRegenCache("catalog", options => options.MaximumEntries = 7);
        using var host = builder.Build();

        await host.StartAsync();

        Assert.Equal(7, host.Services.GetRequiredService<IOptionsMonitor<RegenCacheOptions>>().Get("catalog").MaximumEntries);
        Assert.Equal(1, await host.Services.GetRequiredService<IRegenCache>().GetOrCreateAsync("key", _ => new ValueTask<int>(1)));
        await host.StopAsync();
    }

    [Fact]
    public void A_cache_made_without_a_container_checks_its_options_too()
    {
        var error = Assert.Throws<ArgumentException>(() => new RegenCache("catalog", new RegenCacheOptions { StoreReadTimeout = TimeSpan.Zero }));

        Assert.Contains("'catalog'", error.Message, StringComparison.Ordinal);
        Assert.Contains("StoreReadTimeout", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Applications_that_share_a_store_and_notifications_are_a_farm()
    {
        var clock = new VirtualTimeProvider();
        var store = new InMemoryStore(clock);
        var bus = new InProcessNotificationBus();
        await using var one = Application();
        await using var two = Application();
        var first = one.GetRequiredService<IRegenCache>();
        var second = two.GetRequiredService<IRegenCache>();

        await first.SetAsync("key", "one");
        Assert.Equal("one", (await second.TryGetAsync<string>("key")).Value);
        await first.SetAsync("key", "two");
        Assert.Equal("two", (await second.TryGetAsync<string>("key")).Value);

        // The clock is the container's: a value of the default life ends when it says so.
        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.False((await first.TryGetAsync<string>("key")).Found);

        ServiceProvider Application()
        {
            var services = new ServiceCollection();
            services.AddSingleton<TimeProvider>(clock);
            services.AddRegenCache("farm", Caches.WaitForTheStore).UseStore(store).UseNotifications(bus);
            return services.BuildServiceProvider();
        }
    }

    [Fact]
    public async Task A_container_that_is_disposed_disposes_its_caches()
    {
        var services = new ServiceCollection();
        services.AddRegenCache();
        IRegenCache cache;
        await using (var provider = services.BuildServiceProvider())
            cache = provider.GetRequiredService<IRegenCache>();

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await cache.TryGetAsync<int>("key"));
        Assert.Equal("default", cache.Name);
    }

    [Fact]
    public async Task A_registered_serializer_is_used_where_the_store_needs_bytes()
    {
        var store = new InMemoryStore(storesObjects: false);
        var serializer = new ReversingSerializer();
        var services = new ServiceCollection();
        services.AddRegenCache("writer", Caches.WaitForTheStore).UseStore(store).UseSerializer(serializer);
        await using var provider = services.BuildServiceProvider();
        await provider.GetRequiredService<IRegenCache>().SetAsync("key", "abc");

        await using var reader = new RegenCache("writer", store: store, services: provider);
        Assert.Equal("abc", (await reader.TryGetAsync<string>("key")).Value);
        Assert.Equal((1, 1), (serializer.Written, serializer.Read));

        // Null needs no serializer.
        await reader.SetAsync<string?>("null", null);
        Assert.Equal(new CacheResult<string?>(true, null), await provider.GetRequiredService<IRegenCache>().TryGetAsync<string?>("null"));
        Assert.Equal(1, serializer.Written);
    }

    [Fact]
    public async Task Notifications_without_a_store_that_they_could_tell_of_are_an_error_when_the_host_starts()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddRegenCache("lonely").UseNotifications(new InProcessNotificationBus());
        using var host = builder.Build();
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains("'lonely'", error.Message, StringComparison.Ordinal);
        Assert.Contains("UseRedis", error.Message, StringComparison.Ordinal);

        var sameError = Assert.Throws<ArgumentException>(() => new RegenCache("lonely", notifications: new InProcessNotificationBus()));
        Assert.Contains("'lonely'", sameError.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_cache_has_the_serializers_and_json_options_that_it_was_given_and_else_the_application_s()
    {
        var store = new InMemoryStore(storesObjects: false);
        var services = new ServiceCollection();
        var snake = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
        services.AddRegenCache("own", options => options.JsonSerializerOptions = snake).UseStore(store).UseSerializer(new ReversingSerializer());
        services.AddRegenCache("made", Caches.WaitForTheStore).UseStore(store).UseSerializerFactory(new ReversingFactory());
        services.AddRegenCache("plain", Caches.WaitForTheStore).UseStore(store);
        services.AddKeyedSingleton<JsonSerializerOptions>(typeof(IHybridCacheSerializer<>), new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.KebabCaseUpper });
        services.AddKeyedSingleton<JsonSerializerOptions>(typeof(IHybridCacheSerializer<Version>), JsonSerializerOptions.Web);
        await using var provider = services.BuildServiceProvider();

        Assert.Equal(["cba", """{"first_name":"Ada"}"""], [await StoredAsync("own", "abc"), await StoredAsync("own", new Person("Ada"))]);
        Assert.Equal(["cba", """{"FIRST-NAME":"Ada"}"""], [await StoredAsync("made", "abc"), await StoredAsync("made", new Person("Ada"))]);
        Assert.Equal(["'abc'", """{"FIRST-NAME":"Ada"}"""], [(await StoredAsync("plain", "abc")).Replace('"', '\''), await StoredAsync("plain", new Person("Ada"))]);
        Assert.Equal("'1.2'", (await StoredAsync("plain", new Version(1, 2))).Replace('"', '\''));

        async Task<string> StoredAsync<T>(string cache, T value)
        {
            await provider.GetRequiredKeyedService<IRegenCache>(cache).SetAsync("key", value);
            var record = (await store.ForCache(cache).ReadAsync(new ReadRequest { Key = "key" }, default)).Record!;
            return Encoding.UTF8.GetString(record.Payload!.Bytes!.Value.Span[1..]);
        }
    }

    private sealed record Person(string FirstName);

    private sealed class ReversingFactory : IHybridCacheSerializerFactory
    {
        public bool TryCreateSerializer<T>([NotNullWhen(true)] out IHybridCacheSerializer<T>? serializer)
        {
            serializer = typeof(T) == typeof(string) ? (IHybridCacheSerializer<T>)(object)new ReversingSerializer() : null;
            return serializer is not null;
        }
    }

    private sealed class ReversingSerializer : IHybridCacheSerializer<string>
    {
        public int Written { get; private set; }

        public int Read { get; private set; }

        public string Deserialize(ReadOnlySequence<byte> source)
        {
            Read++;
            return string.Concat(Encoding.UTF8.GetString(source).Reverse());
        }

        public void Serialize(string value, IBufferWriter<byte> target)
        {
            Written++;
            target.Write(Encoding.UTF8.GetBytes([.. value.Reverse()]));
        }
    }
}
