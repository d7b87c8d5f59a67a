using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Scenarios;
using AkkaRegenCache.Testing.Stores;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>
/// Farms on the example store: the database's clock is the farm's virtual one, and each node has a store object of its own, as processes
/// have, which only meets the others in the database.
/// </summary>
public sealed class ExampleMode : FarmMode
{
    private static readonly ExampleFiles s_files = new();

    public static FarmMode Shared { get; } = new ExampleMode();

    public static void DeleteFiles() => s_files.Dispose();

    public override Farm Create(FarmSetup setup)
    {
        var backend = new Backend();
        var file = s_files.Next();
        return new VirtualFarm(setup, clock => new Processes(file, clock, backend.Calls), backend);
    }

    private sealed class Backend : IVirtualBackend
    {
        public CallCount Calls { get; } = new();

        public int CallsUnderWay => Calls.Count;

        public Task SetTimeAsync(TimeSpan now) => Task.CompletedTask;
    }

    /// <summary>Gives each cache that asks a store of its own. Its pauses are real: virtual time stands until it has answered.</summary>
    private sealed class Processes(string file, TimeProvider clock, CallCount calls) : DelegatingStore
    {
        public override bool StoresObjects => false;

        // On the node's own thread, though a cache calls foreign stores on the pool: what happens at one instant then has an order.
        public override IExternalStore ForCache(string cacheName) => new CountedStore(
            new CompareAndSetExternalStore(new ExampleStore(file, clock), callTimeout: TimeSpan.FromMinutes(2)).ForCache(cacheName), calls);
    }
}

/// <summary>The databases go with the last of these tests.</summary>
[CollectionDefinition("Farms on the example store")]
public sealed class ExampleFarms : ICollectionFixture<ExampleFarms.Files>
{
    public sealed class Files : IDisposable
    {
        public void Dispose() => ExampleMode.DeleteFiles();
    }
}

[Collection("Farms on the example store")]
public sealed class ReadThrough_on_the_example_store() : ReadThroughScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class Regeneration_on_the_example_store() : RegenerationScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class Schedule_on_the_example_store() : ScheduleScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class Change_on_the_example_store() : ChangeScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class Failure_on_the_example_store() : FailureScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class Generator_on_the_example_store() : GeneratorScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class NodeLife_on_the_example_store() : NodeLifeScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class StoreFailure_on_the_example_store() : StoreFailureScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class StoreTimeout_on_the_example_store() : StoreTimeoutScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class Keyspace_on_the_example_store() : KeyspaceScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class ReadAndRefresh_on_the_example_store() : ReadAndRefreshScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class Value_on_the_example_store() : ValueScenarios(ExampleMode.Shared);

[Collection("Farms on the example store")]
public sealed class Lifetime_on_the_example_store() : LifetimeScenarios(ExampleMode.Shared);

/// <summary>As an application registers it, and on real time.</summary>
public sealed class ExampleRegistrationTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly ExampleFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Two_applications_on_one_database_make_a_value_once()
    {
        var file = _files.Next();
        var bus = new InProcessNotificationBus();
        await using var one = Application(cache => cache.UseStore(new ExampleStore(file)).UseNotifications(bus));
        await using var two = Application(cache => cache
            .UseStore(provider => new ExampleStore(file, provider.GetService<TimeProvider>())).UseNotifications(bus));
        Assert.IsType<CompareAndSetExternalStore>(two.GetRequiredKeyedService<IExternalStore>("cache"));

        var runs = 0;
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var finish = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = new[] { one, two, one, two }.Select(each => each.GetRequiredService<IRegenCache>().GetOrCreateAsync("key", async _ =>
        {
            Interlocked.Increment(ref runs);
            began.TrySetResult();
            await finish.Task;
            return "made";
        }).AsTask()).ToList();
        await began.Task.WaitAsync(s_patience);
        finish.SetResult();

        Assert.All(await Task.WhenAll(calls).WaitAsync(s_patience), value => Assert.Equal("made", value));
        Assert.Equal(1, runs);

        // What one removes the other doesn't find; a third application finds what is there.
        await one.GetRequiredService<IRegenCache>().SetAsync("key", "set");
        await using var three = Application(cache => cache.UseStore(new ExampleStore(file)));
        var found = await three.GetRequiredService<IRegenCache>().TryGetAsync<string>("key").AsTask().WaitAsync(s_patience);
        Assert.Equal("set", found.Value);
    }

    [Fact]
    public async Task A_store_that_is_none_is_told_at_once_or_at_the_caches_first_use()
    {
        var builder = new ServiceCollection().AddRegenCache("cache");
        Assert.Throws<ArgumentNullException>(() => builder.UseStore((ICompareAndSetStore)null!));
        Assert.Throws<ArgumentNullException>(() => builder.UseStore((Func<IServiceProvider, ICompareAndSetStore>)null!));
        await using var application = Application(cache => cache.UseStore(_ => (ICompareAndSetStore)null!));
        Assert.Throws<ArgumentNullException>(application.GetRequiredService<IRegenCache>);
    }

    private static ServiceProvider Application(Action<RegenCacheBuilder> use)
    {
        var services = new ServiceCollection();
        use(services.AddRegenCache("cache", Caches.WaitForTheStore));
        return services.BuildServiceProvider();
    }
}
