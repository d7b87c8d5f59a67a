using AkkaRegenCache.Core.Tests.Storage;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>A11: each run of a registered generator has a scope of its own, and leaves none open.</summary>
public sealed class KeyspaceScopeTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Runs_do_not_share_a_scope_and_each_is_closed_before_its_callers_are_answered()
    {
        await using var provider = Application((services, _, _) => new ValueTask<Session>(services.GetRequiredService<Session>()));
        var cache = provider.GetRequiredService<IRegenCache>();

        var first = await cache.GetAsync<Session>("users:1");
        var second = await cache.GetAsync<Session>("users:2");
        var third = await cache.RefreshAsync<Session>("users:1");

        Assert.Equal(3, new HashSet<Session>([first, second, third]).Count);
        Assert.All((Session[])[first, second, third], each => Assert.Equal(1, each.Closings));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_that_fails_closes_its_scope(bool atOnce)
    {
        Session? session = null;
        await using var provider = Application((services, _, _) =>
        {
            session = services.GetRequiredService<Session>();
            return atOnce ? throw new FormatException("at once") : new ValueTask<Session>(FailLaterAsync());
        });

        await Assert.ThrowsAsync<FormatException>(async () => await provider.GetRequiredService<IRegenCache>().GetAsync<Session>("users:1"));

        Assert.Equal(1, session!.Closings);

        static async Task<Session> FailLaterAsync()
        {
            await Task.Yield();
            throw new FormatException("later");
        }
    }

    [Fact]
    public async Task A_run_that_is_cancelled_closes_its_scope()
    {
        var begun = new TaskCompletionSource<Session>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var provider = Application(async (services, _, ct) =>
        {
            begun.SetResult(services.GetRequiredService<Session>());
            await Task.Delay(Timeout.Infinite, ct);
            throw new InvalidOperationException("It went on.");
        });
        using var leaving = new CancellationTokenSource();
        var call = provider.GetRequiredService<IRegenCache>().GetAsync<Session>("users:1", leaving.Token).AsTask();
        var session = await begun.Task.WaitAsync(s_patience);
        Assert.Equal(0, session.Closings);

        await leaving.CancelAsync();

        // The bounds are only there to say so, should one never end.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(s_patience));
        await session.Closed.WaitAsync(s_patience);
    }

    [Fact]
    public async Task A_scope_that_fails_to_close_is_a_failed_run()
    {
        await using var provider = Application((services, _, _) =>
        {
            var session = services.GetRequiredService<Session>();
            session.FailsToClose = true;
            return new ValueTask<Session>(session);
        });
        var cache = provider.GetRequiredService<IRegenCache>();

        var error = await Assert.ThrowsAsync<FormatException>(async () => await cache.GetAsync<Session>("users:1"));

        Assert.Equal("can't close", error.Message);
        await cache.QuietAsync();
        Assert.False((await cache.TryGetAsync<Session>("users:1")).Found);
    }

    [Fact]
    public async Task A_value_is_serialized_while_the_scope_is_open()
    {
        await using var provider = Application<Lazily>(
            (services, _, _) => new(new Lazily(services.GetRequiredService<Session>())), new InMemoryStore(storesObjects: false));
        await using var reader = new RegenCache("catalog", store: provider.GetRequiredKeyedService<IExternalStore>("catalog"));
        var cache = provider.GetRequiredService<IRegenCache>();
        await cache.GetAsync<Lazily>("users:1");
        await cache.QuietAsync();

        Assert.Equal("loaded", (await reader.TryGetAsync<Lazily>("users:1")).Value!.Name);
    }

    [Fact]
    public async Task Scopes_are_the_applications_and_not_those_of_the_request_that_asked()
    {
        await using var provider = Application((services, _, _) => new ValueTask<Session>(services.GetRequiredService<Session>()));
        IRegenCache cache;
        Session ofTheRequest;
        await using (var request = provider.CreateAsyncScope())
        {
            ofTheRequest = request.ServiceProvider.GetRequiredService<Session>();
            cache = request.ServiceProvider.GetRequiredService<IRegenCache>();
            Assert.NotSame(ofTheRequest, await cache.GetAsync<Session>("users:1"));
        }

        // The request is over; regenerations go on.
        Assert.NotSame(ofTheRequest, await cache.RefreshAsync<Session>("users:1"));
    }

    private static ServiceProvider Application(Func<IServiceProvider, string, CancellationToken, ValueTask<Session>> generator) =>
        Application(generator, new InMemoryStore());

    private static ServiceProvider Application<T>(Func<IServiceProvider, string, CancellationToken, ValueTask<T>> generator, IExternalStore store)
    {
        var services = new ServiceCollection();
        services.AddScoped<Session>();
        services.AddRegenCache("catalog", Caches.WaitForTheStore).UseStore(store).AddKeyspace("users", generator);
        return services.BuildServiceProvider(validateScopes: true);
    }

    /// <summary>Can be closed asynchronously only: a scope that is disposed of in the old way throws.</summary>
    private sealed class Session : IAsyncDisposable
    {
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _closings;

        public int Closings => Volatile.Read(ref _closings);

        public Task Closed => _closed.Task;

        public bool FailsToClose { get; set; }

        public async ValueTask DisposeAsync()
        {
            await Task.Yield();
            Interlocked.Increment(ref _closings);
            _closed.TrySetResult();
            if (FailsToClose)
                throw new FormatException("can't close");
        }
    }

    /// <summary>Has its name only when asked, and from its session.</summary>
    private sealed class Lazily
    {
        private readonly Session? _session;
        private string? _name;

        public Lazily()
        {
        }

        public Lazily(Session session) => _session = session;

        public string Name
        {
            get => _name ??= _session is { Closings: 0 } ? "loaded" : throw new ObjectDisposedException(nameof(Session));
            set => _name = value;
        }
    }
}
