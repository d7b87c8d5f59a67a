using System.Collections.Concurrent;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Testing.Discovery;
using AkkaRegenCache.Testing.Farms;
using AkkaRegenCache.Testing.Stores;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Testing.Scenarios;

/// <summary>A11: generators that are registered for a keyspace.</summary>
[Trait("Row", "A11")]
public abstract class KeyspaceScenarios(FarmMode mode) : Scenario(mode)
{
    private const string User = "users:42";

    [SharedFact]
    public async Task All_who_read_a_cold_key_in_the_farm_share_one_run_of_the_registered_generator()
    {
        await using var farm = NewUsers(out var users, nodes: 3, Active);
        var gate = users.Generator.Shut();

        var calls = await farm.CallTogetherAsync(farm.Indexes, 10, node => farm.Node(node).GetAsync<string>("users", "42").AsTask());
        await farm.SettleAsync();
        gate.Open();

        Assert.All(await farm.AnswersAsync(calls), answer => Assert.Equal("42: value 1", answer));
        Assert.Equal(["42"], users.Keys);
        await AssertShownEverywhereAsync(farm, "42: value 1", User);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_key_is_the_same_in_both_forms_and_for_all_other_methods()
    {
        await using var farm = NewUsers(out var users, nodes: 1, Passive);
        await farm.AnswerAsync(farm.Node(0).GetAsync<string>("users", "a:b"));

        Assert.Equal("a:b: value 1", Hit(farm, 0, "users:a:b"));
        Assert.Equal("a:b: value 1", (await farm.TryGetAsync<string>(0, "users:a:b")).Value);
        Assert.Equal(["a:b"], users.Keys);

        await farm.RemoveAsync(0, "users:a:b");
        Assert.Equal("a:b: value 2", await farm.AnswerAsync(farm.Node(0).GetAsync<string>("users:a:b")));
    }

    [SharedFact]
    public async Task Keys_of_a_keyspace_and_keyspaces_of_a_cache_do_not_mix()
    {
        await using var farm = NewUsers(
            out var users, nodes: 2, Passive, builder => builder.AddKeyspace("user", (_, key, _) => new ValueTask<int>(key.Length)));

        foreach (var i in farm.Indexes)
        {
            Assert.Equal("1: value 1", await farm.AnswerAsync(farm.Node(i).GetAsync<string>("users:1")));
            Assert.Equal("2: value 2", await farm.AnswerAsync(farm.Node(i).GetAsync<string>("users:2")));
            Assert.Equal(3, await farm.AnswerAsync(farm.Node(i).GetAsync<int>("user:abc")));
        }

        Assert.Equal(["1", "2"], users.Keys);
    }

    [SharedFact]
    public async Task The_registered_options_are_the_keys_schedule()
    {
        await using var farm = NewUsers(out var users, nodes: 1, Active, configure: options => options.JitterShare = 0);
        await farm.AnswerAsync(farm.Node(0).GetAsync<string>(User));

        await farm.AdvanceAsync(Seconds(6.5));

        AssertRanAt(farm, users.Generator, 0, 2, 4, 6);
        Assert.Equal("42: value 4", Hit(farm, 0, User));
    }

    [SharedFact]
    public async Task When_the_node_that_regenerates_leaves_another_reader_goes_on()
    {
        await using var farm = NewUsers(out var users, nodes: 2, Active);
        foreach (var i in farm.Indexes)
            await farm.AnswerAsync(farm.Node(i).GetAsync<string>(User));

        await farm.LeaveAsync(0);
        await farm.AdvanceAsync(Seconds(10));

        Assert.InRange(users.Generator.Runs, 5, 6);
        Assert.Equal($"42: value {users.Generator.Runs}", Hit(farm, 1, User));
    }

    [SharedFact]
    public async Task A_key_that_nobody_has_read_for_long_is_regenerated_again_after_a_hit()
    {
        var options = Active with { InactiveRetention = Seconds(5), ExpiryTolerance = Seconds(100) };
        await using var farm = NewUsers(out var users, nodes: 1, options);
        await farm.AnswerAsync(farm.Node(0).GetAsync<string>(User));
        await farm.AdvanceAsync(Seconds(20));
        var runs = users.Generator.Runs;
        Assert.InRange(runs, 3, 4);

        Assert.Equal($"42: value {runs}", Hit(farm, 0, User));
        await farm.AdvanceAsync(Seconds(2.5));

        Assert.InRange(users.Generator.Runs, runs + 1, runs + 2);
        Assert.Equal($"42: value {users.Generator.Runs}", Hit(farm, 0, User));
    }

    [SharedFact]
    public async Task Hits_keep_a_key_active_also_one_whose_value_is_null()
    {
        var options = Active with { InactiveRetention = Seconds(3), ExpiryTolerance = Seconds(100) };
        var runs = 0;
        await using var farm = NewUsers(
            out var users, nodes: 1, options, builder => builder.AddKeyspace("null", (_, _, _) => Count(), options), o => o.JitterShare = 0);
        await farm.AnswerAsync(farm.Node(0).GetAsync<string>(User));
        await farm.AnswerAsync(farm.Node(0).GetAsync<string?>("null:42"));

        for (var second = 1; second <= 20; second++)
        {
            await farm.AdvanceAsync(Seconds(1));
            Hit(farm, 0, User);
            Hit<string?>(farm, 0, "null:42");
        }

        Assert.Equal((11, 11), (users.Generator.Runs, runs));

        ValueTask<string?> Count()
        {
            runs++;
            return new((string?)null);
        }
    }

    [SharedFact]
    public async Task The_registered_hard_timeout_ends_the_wait_of_a_read_and_of_a_refresh_anywhere()
    {
        await using var farm = NewUsers(out var users, nodes: 2, Passive with { HardTimeout = Seconds(3) });
        var gate = users.Generator.Shut();

        await farm.FailureAsync<TimeoutException>(farm.Node(0).GetAsync<string>(User).AsTask());
        Assert.InRange(farm.Now, Seconds(3), Seconds(3) + farm.Slack);
        await farm.FailureAsync<TimeoutException>(farm.Node(1).RefreshAsync<string>("users:7").AsTask());
        Assert.InRange(farm.Now, Seconds(6), Seconds(6) + farm.Slack);

        gate.Open();
        await farm.SettleAsync();
        Assert.Equal(2, users.Closed);
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_node_that_never_read_a_key_can_refresh_it()
    {
        await using var farm = NewUsers(out var users, nodes: 2, Active);
        await farm.AnswerAsync(farm.Node(0).GetAsync<string>(User));

        Assert.Equal("42: value 2", await farm.AnswerAsync(farm.Node(1).RefreshAsync<string>(User)));
        await farm.SettleAsync();
        Assert.Equal("42: value 2", Hit(farm, 0, User));
        Assert.Equal("42: value 2", Hit(farm, 1, User));

        // And from then on it regenerates it.
        await farm.LeaveAsync(0);
        await farm.AdvanceAsync(Seconds(5));
        Assert.InRange(users.Generator.Runs, 4, 5);

        // Also one that nobody in the farm has ever read.
        Assert.Equal($"7: value {users.Generator.Runs + 1}", await farm.AnswerAsync(farm.Node(1).RefreshAsync<string>("users:7")));
    }

    [SharedFact]
    public async Task TryGet_does_not_run_a_registered_generator()
    {
        await using var farm = NewUsers(out var users, nodes: 1, Active);

        await AssertFoundNowhereAsync(farm, User);

        Assert.Empty(users.Keys);
    }

    [SharedFact]
    public async Task A_delegate_that_a_caller_brings_regenerates_until_the_key_is_read_without_one()
    {
        await using var farm = NewUsers(out var users, nodes: 1, Active);
        var own = new TestGenerator(farm, name: "own");
        await farm.AnswerAsync(farm.Node(0).GetAsync<string>(User));

        Assert.Equal("42: value 1", farm.Hit(0, own, Active, User));
        await farm.AdvanceAsync(Seconds(2.5));
        Assert.Equal((1, 1), (users.Generator.Runs, own.Runs));
        Assert.Equal("own 2", await farm.AnswerAsync(farm.Node(0).RefreshAsync<string>(User)));

        Assert.Equal("own 2", Hit(farm, 0, User));
        await farm.AdvanceAsync(Seconds(4));
        Assert.Equal((3, 2), (users.Generator.Runs, own.Runs));
    }

    [SharedFact]
    public async Task A_value_that_is_set_lives_as_its_keyspace_is_registered_and_is_a_hit()
    {
        await using var farm = NewUsers(out var users, nodes: 2, Passive);
        await farm.AnswerAsync(farm.Node(0).SetAsync(User, "set"));

        foreach (var i in farm.Indexes)
            Assert.Equal("set", await farm.AnswerAsync(farm.Node(i).GetAsync<string>(User)));
        Assert.Empty(users.Keys);

        await farm.AdvanceAsync(Seconds(11));
        Assert.Equal("set", (await farm.TryGetAsync<string>(0, User)).Value);
        await farm.AdvanceAsync(Seconds(1.5));
        await AssertFoundNowhereAsync(farm, User);
    }

    [SharedFact]
    public async Task Null_and_default_values_are_hits()
    {
        var runs = 0;
        await using var farm = NewRegisteredFarm(2, builder => builder
            .AddKeyspace("null", (_, _, _) => Run<string?>(null), Active)
            .AddKeyspace("zero", (_, _, _) => Run(0), Active)
            .AddKeyspace("maybe", (_, _, _) => Run<int?>(7), Active));

        foreach (var i in farm.Indexes)
        {
            Assert.Null(await farm.AnswerAsync(farm.Node(i).GetAsync<string?>("null:1")));
            Assert.Equal(0, await farm.AnswerAsync(farm.Node(i).GetAsync<int>("zero:1")));
            Assert.Equal(7, await farm.AnswerAsync(farm.Node(i).GetAsync<int?>("maybe:1")));
            Assert.Null(Hit<string?>(farm, i, "null:1"));
            Assert.Equal(0, Hit<int>(farm, i, "zero:1"));
            Assert.Equal(7, Hit<int?>(farm, i, "maybe:1"));
        }

        Assert.Equal(3, runs);

        ValueTask<T> Run<T>(T value)
        {
            Interlocked.Increment(ref runs);
            return new(value);
        }
    }

    [SharedFact]
    public async Task A_generator_is_told_the_whole_key_and_its_token_and_may_answer_do_not_store()
    {
        var tokens = new ConcurrentQueue<long>();
        await using var farm = NewRegisteredFarm(2, builder => builder.AddKeyspace("users", (_, key, context, _) =>
        {
            tokens.Enqueue(context.Token);
            context.DoNotStore();
            return new ValueTask<string>($"{key} of {context.Key}");
        }));

        foreach (var i in farm.Indexes)
            Assert.Equal("42 of users:42", await farm.AnswerAsync(farm.Node(i).GetAsync<string>(User)));

        await AssertFoundNowhereAsync(farm, User);
        Assert.Equal(2, tokens.Count);
        Assert.True(tokens.First() > 0 && tokens.First() < tokens.Last());
    }

    [SharedFact]
    public async Task A_failure_goes_to_all_who_wait_and_the_next_read_tries_again()
    {
        await using var farm = NewUsers(out var users, nodes: 2, Active);
        users.Generator.Body = async (_, ct) =>
        {
            await farm.DelayAsync(Seconds(1), ct);
            throw new FormatException("no such user");
        };

        var here = farm.Node(0).GetAsync<string>(User).AsTask();
        await farm.SettleAsync();
        var there = farm.Node(1).GetAsync<string>(User).AsTask();
        Assert.Equal("no such user", (await farm.FailureAsync<FormatException>(here)).Message);
        Assert.Equal("no such user", (await farm.FailureAsync<RemoteGenerationException>(there)).RemoteMessage);

        users.Generator.Body = (_, _) => ValueTask.CompletedTask;
        Assert.Equal("42: value 2", await farm.AnswerAsync(farm.Node(1).GetAsync<string>(User)));
        Assert.Equal((2, 2), (users.Opened, users.Closed));
    }

    [SharedFact]
    public async Task Each_run_has_a_scope_of_its_own_that_is_closed_when_it_ends()
    {
        await using var farm = NewUsers(out var users, nodes: 2, Active);
        foreach (var i in farm.Indexes)
            await farm.AnswerAsync(farm.Node(i).GetAsync<string>(User));
        Assert.Equal((1, 1), (users.Opened, users.Closed));

        await farm.AdvanceAsync(Seconds(4.9));
        Assert.Equal((3, 3, 3), (users.Generator.Runs, users.Opened, users.Closed));

        // Open for as long as the generator runs.
        var gate = users.Generator.Shut();
        var refresh = farm.Node(0).RefreshAsync<string>(User);
        await farm.SettleAsync();
        Assert.Equal((4, 3), (users.Opened, users.Closed));
        gate.Open();
        Assert.Equal("42: value 4", await farm.AnswerAsync(refresh));
        Assert.Equal((4, 4), (users.Opened, users.Closed));
    }

    [SharedFact]
    public async Task When_the_last_caller_leaves_the_generator_is_cancelled_and_its_scope_closed()
    {
        await using var farm = NewUsers(out var users, nodes: 1, Active);
        users.Generator.Shut();
        using var leaving = new CancellationTokenSource();
        var call = farm.Node(0).GetAsync<string>("users", "42", leaving.Token).AsTask();
        await farm.SettleAsync();
        Assert.Equal((1, 0), (users.Opened, users.Closed));

        await leaving.CancelAsync();
        await farm.FailureAsync<OperationCanceledException>(call);
        await farm.SettleAsync();

        Assert.Equal((1, 1, 1), (users.Generator.Cancelled, users.Opened, users.Closed));
        await AssertNothingLeftAsync(farm);
    }

    [SharedFact]
    public async Task A_generator_that_ignores_its_cancellation_keeps_its_scope_until_it_ends()
    {
        await using var farm = NewUsers(out var users, nodes: 1, Passive with { GenerationDeadline = Seconds(1) });
        var gate = users.Generator.Shut(obeysCancellation: false);

        await farm.FailureAsync<TimeoutException>(farm.Node(0).GetAsync<string>(User).AsTask());
        Assert.Equal((1, 0), (farm.HungGenerators(0), users.Closed));

        gate.Open();
        await farm.SettleAsync();
        Assert.Equal((0, 1), (farm.HungGenerators(0), users.Closed));
    }

    /// <summary>A farm whose nodes all have the keyspace "users".</summary>
    private Farm NewUsers(
        out Users users,
        int nodes,
        RegenEntryOptions options,
        Action<RegenCacheBuilder>? more = null,
        Action<RegenCacheOptions>? configure = null)
    {
        var source = new Users();
        var farm = NewRegisteredFarm(nodes, Register, configure);
        source.Generator = new TestGenerator(farm);
        users = source;
        return farm;

        void Register(RegenCacheBuilder builder)
        {
            builder.Services.AddScoped(_ => new Session(source));
            builder.AddKeyspace("users", source.LoadAsync, options);
            more?.Invoke(builder);
        }
    }

    private static string Hit(Farm farm, int node, string key) => Hit<string>(farm, node, key);

    /// <summary>Reads a key that must be in the node's memory.</summary>
    private static T Hit<T>(Farm farm, int node, string key)
    {
        var reads = farm.StoreOf(node).Calls(StoreOperation.Look);
        var call = farm.Node(node).GetAsync<T>(key).AsTask();
        Assert.True(call.IsCompletedSuccessfully, $"node {node} had to wait for '{key}' at {farm.Now}");
        Assert.Equal(reads, farm.StoreOf(node).Calls(StoreOperation.Look));
        return call.Result;
    }

    /// <summary>Where the users come from.</summary>
    private sealed class Users
    {
        private int _opened;
        private int _closed;

        public TestGenerator Generator { get; set; } = null!;

        /// <summary>The keys that the generator got.</summary>
        public ConcurrentQueue<string> Keys { get; } = new();

        /// <summary>Sessions that were ever opened.</summary>
        public int Opened => Volatile.Read(ref _opened);

        public int Closed => Volatile.Read(ref _closed);

        public async ValueTask<string> LoadAsync(IServiceProvider services, string key, CancellationToken cancellationToken)
        {
            Keys.Enqueue(key);
            var session = services.GetRequiredService<Session>();
            var made = await Generator.Run(cancellationToken);
            ObjectDisposedException.ThrowIf(session.IsClosed, session);
            return $"{key}: {made}";
        }

        public void Open() => Interlocked.Increment(ref _opened);

        public void Close() => Interlocked.Increment(ref _closed);
    }

    /// <summary>What a run takes from its scope; it can be disposed of asynchronously only.</summary>
    private sealed class Session : IAsyncDisposable
    {
        private readonly Users _users;

        public Session(Users users)
        {
            _users = users;
            users.Open();
        }

        public bool IsClosed { get; private set; }

        public ValueTask DisposeAsync()
        {
            IsClosed = true;
            _users.Close();
            return ValueTask.CompletedTask;
        }
    }
}
