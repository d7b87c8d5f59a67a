using System.Text;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>What Redis can do to us. Each test has a server of its own.</summary>
public sealed class RedisFaultTests
{
    [RedisFact]
    public async Task Scripts_that_were_flushed_are_sent_again_and_nothing_else_is_lost()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var rig = StoreRig.On(link.Connection, "arc");
        var token = (await rig.Claim("key")).Token;
        var life = (await rig.Read("key")).Epoch;
        for (var i = 0; i < 3; i++)
        {
            await link.Admin.ScriptFlushAsync();
            Assert.Equal(RenewOutcome.Held, (await rig.Store.RenewAsync([new("key", token)], TimeSpan.FromSeconds(60))).Outcomes[0]);
            var reads = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => rig.Read("key").AsTask()));
            Assert.All(reads, read => Assert.Equal(life, read.Epoch));
        }

        var commit = await rig.Commit("key", token);
        Assert.True(commit.Accepted);
        Assert.Equal(life, commit.Epoch);
    }

    [RedisFact]
    public async Task A_restart_without_data_is_a_new_life_for_all_nodes()
    {
        await using var server = await RedisServer.StartNewAsync();
        await AssertNewEpoch(server, () => server.RestartAsync(), isEmpty: true);
    }

    [RedisFact]
    public async Task A_restart_with_its_data_is_a_new_life_and_the_data_are_there()
    {
        await using var server = await RedisServer.StartNewAsync(persistent: true);
        await AssertNewEpoch(server, () => server.RestartAsync(withData: true), isEmpty: false);
    }

    [RedisFact]
    public async Task A_flush_is_a_new_life_at_the_next_operation()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var one = StoreRig.On(link.Connection, "arc");
        var two = StoreRig.On(link.Connection, "arc");
        var token = (await one.Claim("key")).Token;
        string[] lives = [(await one.Read("key")).Epoch, "", ""];
        for (var i = 1; i < lives.Length; i++)
        {
            await link.Admin.FlushAllDatabasesAsync();
            var late = await one.Commit("key", token);
            Assert.False(late.Accepted);
            lives[i] = late.Epoch;
            Assert.Equal(lives[i], (await two.Read("key")).Epoch);
        }

        Assert.Equal(3, lives.Distinct().Count());
    }

    [RedisTheory]
    [InlineData("s")]
    [InlineData("all")]
    public async Task A_claim_that_was_evicted_has_its_commit_rejected(string what)
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var rig = StoreRig.On(link.Connection, "arc");
        var written = await rig.Write("key", "before", StoreRig.Fresh(60, interval: 30, activeFor: 600));
        var claim = await rig.Claim("key", reason: ClaimReason.Refresh);
        await link.Connection.GetDatabase().KeyDeleteAsync("arc:{:key}:s");
        if (what == "all")
            await link.Connection.GetDatabase().KeyDeleteAsync("arc:{:key}:v");

        Assert.Equal(RenewOutcome.Lost, (await rig.Store.RenewAsync([new("key", claim.Token)], TimeSpan.FromSeconds(60))).Outcomes[0]);
        Assert.False((await rig.Commit("key", claim.Token, "late")).Accepted);
        Assert.Equal(what == "all" ? null : "before", await rig.Text("key"));
        if (what == "s")
        {
            // The value tells what its state was.
            var record = (await rig.Read("key")).Record!;
            Assert.Equal(written.Token, record.Token);
            Assert.True(record.DueIn > TimeSpan.FromSeconds(1) && record.ActiveFor > TimeSpan.FromSeconds(500));
        }

        var next = await rig.Claim("key", reason: ClaimReason.Refresh);
        Assert.True(next.Token > claim.Token);
        Assert.True((await rig.Commit("key", next.Token, "next")).Accepted);
        Assert.Equal("next", await rig.Text("key"));
    }

    [RedisFact]
    public async Task A_value_that_was_evicted_is_a_miss_and_its_schedule_goes_on()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var rig = StoreRig.On(link.Connection, "arc");
        var written = await rig.Write("key", "before", StoreRig.Fresh(600, interval: 300, activeFor: 600));
        await link.Connection.GetDatabase().KeyDeleteAsync("arc:{:key}:v");
        Assert.Null((await rig.Read("key")).Record);
        Assert.Equal(default, (await rig.Store.CheckAsync(["key"])).Checks[0]);
        var claim = await rig.Claim("key");
        Assert.True(claim.Token > written.Token);
        var commit = await rig.Commit("key", claim.Token, schedule: StoreRig.Fresh(600, interval: 300, activeFor: 600));
        Assert.True(commit.DueIn < written.DueIn);
    }

    [RedisFact]
    public async Task Without_memory_for_a_value_nothing_is_changed()
    {
        await using var server = await RedisServer.StartNewAsync(false, "--maxmemory-policy", "noeviction");
        await using var link = await Link.ToAsync(server);
        var rig = StoreRig.On(link.Connection, "arc");
        var token = (await rig.Write("key", "before")).Token;
        var claim = await rig.Claim("key", reason: ClaimReason.Refresh);
        var admin = link.Admin;
        await admin.ConfigSetAsync("maxmemory", "1");
        foreach (var refused in (Func<Task>[])[() => rig.Commit("key", claim.Token, "late").AsTask(), () => rig.Write("key", "late").AsTask(), () => rig.Claim("other").AsTask()])
        {
            var error = await Assert.ThrowsAsync<StoreRefusedException>(refused);
            Assert.IsType<RedisServerException>(error.InnerException);
        }

        Assert.Equal("before", await rig.Text("key"));
        Assert.Equal(token, (await rig.Read("key")).Record!.Token);

        await admin.ConfigSetAsync("maxmemory", "0");
        Assert.True((await rig.Commit("key", claim.Token, "after")).Accepted);
        Assert.Equal("after", await rig.Text("key"));
    }

    [RedisTheory]
    [InlineData(false, "no text")]
    [InlineData(false, "wrong type")]
    [InlineData(true, "no text")]
    [InlineData(true, "wrong type")]
    public async Task A_life_that_cannot_be_read_is_a_new_life_with_one_warning(bool isCluster, string what)
    {
        var server = isCluster ? new ClusterServer() : new ContractServer();
        await server.InitializeAsync();
        try
        {
            var database = server.Link!.Connection.GetDatabase();
            var rig = StoreRig.On(server.Link.Connection, "arc");

            // The server knows all scripts by now: one that it doesn't know would make the node look at the epoch.
            await rig.Commit("key", (await rig.Claim("key")).Token);
            string[] lives = [(await rig.Read("key")).Epoch, "", ""];
            for (var i = 1; i < lives.Length; i++)
            {
                await database.KeyDeleteAsync("arc:epoch");
                if (what == "wrong type")
                    await database.HashSetAsync("arc:epoch", "field", "value");
                else
                    await database.StringSetAsync("arc:epoch", (byte[])[.. Encoding.UTF8.GetBytes(lives[i - 1]), 0xC3, 0x28, 0xFF]);

                var claim = await rig.Claim("key", reason: ClaimReason.Refresh);
                var commit = await rig.Store.CommitAsync(new CommitRequest
                {
                    Key = "key",
                    Operation = StoreRig.Op(),
                    Token = claim.Token,
                    ClaimEpoch = claim.Epoch,
                    Payload = CachePayload.FromBytes("made"u8.ToArray()),
                    Schedule = StoreRig.Fresh(),
                });
                Assert.True(commit.Accepted);
                Assert.Equal(claim.Epoch, commit.Epoch);
                Assert.Equal(lives[i] = claim.Epoch, (string?)await database.StringGetAsync("arc:epoch"));
                Assert.Contains("epoch", Assert.Single(rig.Log.Lines), StringComparison.Ordinal);
            }

            Assert.Equal(3, lives.Distinct().Count());
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [RedisFact]
    public async Task A_store_is_there_before_its_redis_and_works_when_it_comes()
    {
        await using var server = await RedisServer.StartNewAsync();
        await server.KillAsync();
        await using var connection = RedisConnection.To(server.Configuration);
        var store = new RedisStore(connection, "arc", null);
        var rig = new StoreRig(store, new LogList());
        await Assert.ThrowsAnyAsync<Exception>(async () => await rig.Read("key"));
        await server.StartAsync();
        await Eventually.Holds(async () => (await rig.Write("key")).Accepted, "the store works");
        Assert.Equal("value", await rig.Text("key"));
    }

    [RedisFact]
    public async Task A_call_that_is_given_up_ends_at_once()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var rig = StoreRig.On(link.Connection, "arc");
        await rig.Read("key");
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await rig.Store.ReadAsync(new ReadRequest { Key = "key" }, cancelled.Token));
        Assert.Null((await rig.Read("key")).Record);
    }

    private static async Task AssertNewEpoch(RedisServer server, Func<Task> restart, bool isEmpty)
    {
        await using var link = await Link.ToAsync(server);
        await using var otherLink = await Link.ToAsync(server);
        var one = StoreRig.On(link.Connection, "arc");
        var two = StoreRig.On(otherLink.Connection, "arc");
        await one.Write("key");
        var before = (await one.Read("key")).Epoch;
        Assert.Equal(before, (await two.Read("key")).Epoch);

        await restart();
        string after = "", ofTwo = "";
        await Eventually.Holds(async () => (after = (await one.Read("key")).Epoch) != before, "one node sees a new epoch");
        await Eventually.Holds(async () => (ofTwo = (await two.Read("key")).Epoch) == after, $"the other sees the same: {after}, {ofTwo}");
        Assert.Equal(after, (await one.Read("key")).Epoch);
        Assert.Equal(isEmpty ? null : "value", await one.Text("key"));
        Assert.True((await two.Write("key", "again")).Accepted);
        Assert.Equal("again", await one.Text("key"));
    }
}
