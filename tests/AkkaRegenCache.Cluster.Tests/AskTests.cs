using Akka.Actor;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Stores;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>The cache asked through its agent. The node is a member of no cluster, unless a test says so.</summary>
public sealed class AskTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().BuildServiceProvider();
    private readonly TestNode _node = new();
    private readonly SeverableStore _store = new(new InMemoryStore(storesObjects: false));
    private TestCache _cache = null!;
    private Func<string, CancellationToken, ValueTask<User>> _load = (key, _) => new(new User(key, "made"));
    private int _runs;

    private IActorRef Agent => _cache.Node.Handle!.Agent;

    public async Task InitializeAsync() => _cache = await StartAsync(_node, "asked", _store);

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _services.DisposeAsync();
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    [Fact]
    public async Task A_registered_keyspaces_value_is_made_once_and_found_again_while_the_cluster_is_not_up()
    {
        Assert.False(_cache.Node.IsUp);
        Assert.Equal(CacheReplyKind.NotFound, (await AskAsync(new CacheTryGet("users:1"))).Kind);

        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => AskAsync(new CacheGet("users:1"))));
        var found = await AskAsync(new CacheTryGet("users:1"));

        Assert.All(replies, reply => Assert.Equal(new User("1", "made"), reply.As<User>()));
        Assert.Equal((true, new User("1", "made")), (found.IsFound, found.As<User>()));
        Assert.Equal(1, _runs);
    }

    [Fact]
    public async Task The_mailbox_and_the_cache_are_the_same_thing()
    {
        await _cache.Cache.SetAsync("plain", 7);
        var set = await AskAsync(new CacheSet<string>("text", "by message"));
        var registered = await AskAsync(new CacheSet("users:1", new User("1", "set")));

        Assert.Equal(7, (await AskAsync(new CacheTryGet<int>("plain"))).As<int>());
        Assert.Equal("by message", (await _cache.Cache.TryGetAsync<string>("text")).Value);
        Assert.Equal(new User("1", "set"), await _cache.Cache.GetAsync<User>("users:1"));
        Assert.True(set.Change!.Value.Accepted && set.Change.Value.Token > 0 && !set.Change.Value.IsPending);
        Assert.True(registered.Change!.Value.Accepted);
        Assert.Equal(0, _runs);

        Assert.Equal(CacheReplyKind.Changed, (await AskAsync(new CacheRemove("text"))).Kind);
        Assert.False((await _cache.Cache.TryGetAsync<string>("text")).Found);
        Assert.Equal(new User("1", "made"), (await AskAsync(new CacheRefresh("users:1"))).As<User>());
    }

    [Fact]
    public async Task Null_is_a_value()
    {
        _load = (_, _) => new((User)null!);

        var made = await AskAsync(new CacheGet("users:nobody"));
        var found = await AskAsync(new CacheTryGet("users:nobody"));

        Assert.True(made.IsFound && found.IsFound);
        Assert.Null(made.As<User?>());
        Assert.Throws<InvalidOperationException>(() => made.As<int>());
    }

    [Fact]
    public async Task A_set_that_the_store_does_not_take_is_told_to_be_pending()
    {
        _store.Cut();
        var reply = await AskAsync(new CacheSet<string>("text", "later"));

        Assert.Equal(CacheReplyKind.Changed, reply.Kind);
        Assert.True(reply.Change!.Value.IsPending);
    }

    public static TheoryData<CacheRequest, Type> Rejected => new()
    {
        { new CacheGet(null!), typeof(ArgumentNullException) },
        { new CacheGet(""), typeof(ArgumentException) },
        { new CacheGet("users:" + new string('x', 2000)), typeof(ArgumentException) },
        { new CacheGet("users:\ud800"), typeof(ArgumentException) },
        { new CacheGet("users"), typeof(ArgumentException) },
        { new CacheGet("nobody:1"), typeof(ArgumentException) },
        { new CacheTryGet("plain"), typeof(ArgumentException) },
        { new CacheTryGet<int>(null!), typeof(ArgumentNullException) },
        { new CacheSet("users:1", "no user"), typeof(InvalidOperationException) },
        { new CacheSet("numbers:1", null), typeof(InvalidOperationException) },
        { new CacheSet("plain", "value"), typeof(ArgumentException) },
        { new CacheSet<string>("", "value"), typeof(ArgumentException) },
        { new CacheSet<string>("plain", "value", new RegenEntryOptions { RegenerationInterval = TimeSpan.FromSeconds(-1) }), typeof(ArgumentException) },
        { new CacheSet<Action>("plain", () => { }), typeof(InvalidOperationException) },
        { new CacheRemove(null!), typeof(ArgumentNullException) },
        { new CacheRefresh("nobody:1"), typeof(ArgumentException) },
    };

    [Theory]
    [MemberData(nameof(Rejected), DisableDiscoveryEnumeration = true)]
    public async Task What_cannot_be_done_is_rejected_with_its_error(CacheRequest request, Type error)
    {
        await _cache.Cache.SetAsync("text", "no number");

        var reply = await AskAsync(request);

        Assert.Equal(CacheReplyKind.Rejected, reply.Kind);
        Assert.Equal(request.Key, reply.Key);
        Assert.IsAssignableFrom(error, reply.Error);
        Assert.IsAssignableFrom(error, Record.Exception(() => reply.As<object>()));
    }

    [Fact]
    public async Task A_generators_failure_is_told_as_it_was_even_where_it_looks_like_a_bad_key()
    {
        _load = (_, _) => throw new ArgumentException("the generator's own");

        var reply = await AskAsync(new CacheGet("users:1"));

        Assert.Equal(CacheReplyKind.Failed, reply.Kind);
        Assert.Equal("the generator's own", Assert.Throws<ArgumentException>(() => reply.As<User>()).Message);
    }

    [Fact]
    public async Task A_generator_past_its_deadline_is_told_as_timed_out()
    {
        _load = async (_, ct) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, ct);
            return new User("", "");
        };

        var reply = await AskAsync(new CacheGet("hasty:1"));

        Assert.Equal(CacheReplyKind.TimedOut, reply.Kind);
        Assert.Throws<TimeoutException>(() => reply.As<User>());
    }

    [Fact]
    public async Task As_names_what_is_there_and_what_was_asked_for()
    {
        var found = await AskAsync(new CacheGet("users:1"));
        var missing = await AskAsync(new CacheTryGet("users:2"));
        var removed = await AskAsync(new CacheRemove("users:3"));

        var wrong = Assert.Throws<InvalidOperationException>(() => found.As<string>());
        Assert.Contains(nameof(User), wrong.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(String), wrong.Message, StringComparison.Ordinal);
        Assert.Contains("users:2", Assert.Throws<KeyNotFoundException>(() => missing.As<User>()).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => removed.As<User>());
    }

    [Fact]
    public async Task A_slow_generator_keeps_nobody_else_waiting()
    {
        var mayEnd = new TaskCompletionSource();
        _load = async (key, _) =>
        {
            if (key == "slow")
                await mayEnd.Task;
            return new User(key, "made");
        };
        var slow = AskAsync(new CacheGet("users:slow"));

        Assert.True((await AskAsync(new CacheGet("users:quick"))).IsFound);
        Assert.False(slow.IsCompleted);
        mayEnd.SetResult();
        Assert.True((await slow).IsFound);
    }

    [Fact]
    public async Task Who_is_out_of_patience_leaves_nothing_behind()
    {
        var begun = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        _load = async (_, ct) =>
        {
            begun.SetResult();
            await using (ct.Register(cancelled.SetResult))
                await Task.Delay(Timeout.InfiniteTimeSpan, ct);
            return new User("", "");
        };
        using var patience = new CancellationTokenSource();
        var asked = Agent.AskCacheAsync(new CacheGet("users:1"), Timeout.InfiniteTimeSpan, patience.Token);
        await begun.Task.WaitAsync(Eventually.Patience);

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);

        // The last one who wanted the value has gone: its generation goes, too.
        await cancelled.Task.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task An_Ask_that_times_out_ends_its_wait_in_the_cache()
    {
        var cancelled = new TaskCompletionSource();
        _load = async (_, ct) =>
        {
            await using (ct.Register(cancelled.SetResult))
                await Task.Delay(Timeout.InfiniteTimeSpan, ct);
            return new User("", "");
        };

        await Assert.ThrowsAsync<AskTimeoutException>(() => Agent.AskCacheAsync(new CacheGet("users:1"), TimeSpan.FromMilliseconds(50)));

        await cancelled.Task.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task Every_request_gets_one_reply_also_while_the_cache_is_disposed_of()
    {
        var begun = new TaskCompletionSource();
        _load = async (_, ct) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, ct);
            return new User("", "");
        };
        const int Each = 20;
        var counter = _node.System.ActorOf(Props.Create(() => new Counter()));
        for (var i = 0; i < Each; i++)
            Agent.Tell(new CacheGet($"users:{i}"), counter);
        await begun.Task.WaitAsync(Eventually.Patience);

        var disposed = _cache.Cache.DisposeAsync().AsTask();
        for (var i = 0; i < Each; i++)
        {
            Agent.Tell(new CacheGet($"users:{i}"), counter);
            Agent.Tell(new CacheTryGet<int>($"plain{i}"), counter);
            Agent.Tell(new CacheSet<int>($"plain{i}", i), counter);
            Agent.Tell(new CacheRemove($"plain{i}"), counter);
            Agent.Tell(new CacheRefresh($"users:{i}"), counter);
        }

        await disposed.WaitAsync(Eventually.Patience);
        IReadOnlyList<CacheReply> replies = [];
        await Eventually.Holds(
            async () => (replies = await counter.Ask<IReadOnlyList<CacheReply>>("all", Eventually.Patience)).Count >= 6 * Each, "all are answered");
        Assert.Equal(6 * Each, replies.Count);
        Assert.All(replies, reply => Assert.Equal(CacheReplyKind.Unavailable, reply.Kind));
    }

    [Fact]
    public async Task A_crash_of_the_agent_takes_no_reply_with_it()
    {
        var mayEnd = new TaskCompletionSource();
        var begun = new TaskCompletionSource();
        _load = async (key, _) =>
        {
            begun.SetResult();
            await mayEnd.Task;
            return new User(key, "made");
        };
        var toCrash = 1;
        using var crash = _cache.Node.Subscribe("asked", _ =>
        {
            if (Interlocked.Exchange(ref toCrash, 0) == 1)
                throw new InvalidOperationException("planted");
        });
        var asked = AskAsync(new CacheGet("users:1"));
        await begun.Task.WaitAsync(Eventually.Patience);

        Agent.Tell(new ToNode(new CacheNotification { Publisher = "x", Kind = NotificationKind.Released, Epoch = "", Key = "x", Token = 1 }));
        await Eventually.Holds(() => Volatile.Read(ref toCrash) == 0, "it crashes");
        mayEnd.SetResult();

        Assert.True((await asked).IsFound);
        Assert.True((await AskAsync(new CacheGet("users:1"))).IsFound);
    }

    private async Task<CacheReply> AskAsync(CacheRequest request) => await Agent.Ask<CacheReply>(request, Eventually.Patience);

    private Task<TestCache> StartAsync(TestNode node, string name, IExternalStore store) => node.StartAsync(
        name,
        store,
        options: new RegenCacheOptions { StoreWriteTimeout = TimeSpan.FromMilliseconds(200), LeaveTimeout = TimeSpan.Zero },
        keyspaces:
        [
            new KeyspaceRegistration<User>(
                "users",
                (_, key, _, ct) =>
                {
                    Interlocked.Increment(ref _runs);
                    return _load(key, ct);
                },
                null),
            new KeyspaceRegistration<User>(
                "hasty", (_, key, _, ct) => _load(key, ct), new RegenEntryOptions { GenerationDeadline = TimeSpan.FromMilliseconds(100) }),
            new KeyspaceRegistration<int>("numbers", (_, key, _, _) => new(key.Length), null),
        ],
        services: _services);

    public sealed record User(string Id, string Name);

    private sealed class Counter : ReceiveActor
    {
        private readonly List<CacheReply> _replies = [];

        public Counter()
        {
            Receive<CacheReply>(_replies.Add);
            Receive<string>(_ => Sender.Tell((IReadOnlyList<CacheReply>)[.. _replies]));
        }
    }
}
