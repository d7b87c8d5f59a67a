using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>A user of Redis with few rights: what is documented as the least is enough, and an optional one that is missing fails nothing.</summary>
public sealed class AccessControlTests
{
    private const string Commands = RedisErrors.NeededCommands;

    private const string Prefix = "arc";

    private const string Login = ",user=app,password=secret,configChannel=,tiebreaker=,allowAdmin=false";

    [RedisFact]
    public async Task The_documented_rights_are_enough_for_a_farm_of_two_nodes()
    {
        await using var server = await RedisServer.StartNewAsync();
        await AllowAsync(server, $"{Commands} ~{Prefix}:* &{Prefix}:notify:* &__Booksleeve_MasterChanged");
        await using var first = await NodeAsync(server);
        await using var second = await NodeAsync(server);

        Assert.Equal(1, await first.Cache.GetOrCreateAsync("key", _ => new ValueTask<int>(1)));
        await Eventually.Holds(async () => (await second.Cache.TryGetAsync<int>("key")) is { Found: true, Value: 1 }, "the other node reads it");
        Assert.False((await second.Cache.SetAsync("key", 2)).IsPending);
        await Eventually.Holds(async () => (await first.Cache.TryGetAsync<int>("key")).Value == 2, "the first node hears of the set");
        Assert.False((await first.Cache.RemoveAsync("key")).IsPending);
        await Eventually.Holds(async () => !(await second.Cache.TryGetAsync<int>("key")).Found, "the other node hears of the removal");
    }

    [RedisFact]
    public async Task Without_the_right_to_the_channel_a_commit_is_accepted_all_the_same()
    {
        await using var server = await RedisServer.StartNewAsync();
        await AllowAsync(server, $"{Commands} ~{Prefix}:* resetchannels");
        await using var link = await Link.ToAsync(server, Login);
        var log = new LogList();
        var store = new RedisStore(new RedisConnection(link.Connection), Prefix, log).ForCache("catalog");
        var claim = await store.ClaimAsync(new ClaimRequest
        {
            Key = "key", Operation = new OperationId("node", 1), Owner = "node", Lease = TimeSpan.FromSeconds(30), Reason = ClaimReason.Miss,
        });

        var answer = await store.CommitAsync(new CommitRequest
        {
            Key = "key",
            Operation = new OperationId("node", 2),
            Token = claim.Token,
            ClaimEpoch = claim.Epoch,
            Payload = CachePayload.FromBytes("value"u8.ToArray()),
            Schedule = new StoreSchedule { FreshFor = TimeSpan.FromMinutes(3), MinimumForward = TimeSpan.Zero, ActiveFor = TimeSpan.Zero },
            Announcement = new CommitAnnouncement("node", 1, true),
        });
        Assert.True(answer.Accepted);
        Assert.Contains("&PREFIX:notify:*", Assert.Single(log.Lines), StringComparison.Ordinal);
        Assert.Equal(claim.Token, (await store.ReadAsync(new ReadRequest { Key = "key" })).Record!.Token);
    }

    [RedisFact]
    public async Task A_right_that_a_script_lacks_is_a_refusal_that_tells_which()
    {
        await using var server = await RedisServer.StartNewAsync();
        await AllowAsync(server, $"{Commands} -hmget ~{Prefix}:* allchannels");
        await using var link = await Link.ToAsync(server, Login);
        var store = new RedisStore(link.Connection).ForCache("catalog");
        var error = await Assert.ThrowsAsync<StoreRefusedException>(() => store.ReadAsync(new ReadRequest { Key = "key" }).AsTask());
        Assert.Contains("can't run this command", error.Message, StringComparison.Ordinal);
        Assert.Contains("+hmget", error.Message, StringComparison.Ordinal);
    }

    [RedisFact]
    public async Task Without_the_right_to_ask_which_process_the_server_is_there_is_one_warning()
    {
        await using var server = await RedisServer.StartNewAsync();
        await AllowAsync(server, $"{Commands} -info ~{Prefix}:* &{Prefix}:notify:*");
        await using var link = await Link.ToAsync(server, Login);
        var rig = StoreRig.On(link.Connection, Prefix);
        for (var connection = 0; connection < 2; connection++)
        {
            Assert.True((await rig.Write("key")).Accepted);
            Assert.Equal("value", await rig.Text("key"));
            Assert.Contains("+info", Assert.Single(rig.Log.Lines), StringComparison.Ordinal);
            await server.AskAsync("CLIENT KILL TYPE normal");
            await Eventually.Holds(async () => (await rig.Read("key")).Record is not null, "the client has connected again");
        }
    }

    [RedisFact]
    public async Task A_connection_that_the_server_refuses_says_why()
    {
        await using var server = await RedisServer.StartNewAsync();
        await AllowAsync(server, $"{Commands} ~{Prefix}:* &{Prefix}:notify:*");
        Assert.Equal("+OK", await server.AskAsync("ACL SETUSER default off"));
        await using var connection = RedisConnection.To($"{server.Configuration},user=app,password=wrong");
        var rig = new StoreRig(new RedisStore(connection, Prefix, null), new LogList());
        await Eventually.Holds(
            async () =>
            {
                var error = await Assert.ThrowsAnyAsync<Exception>(async () => await rig.Read("key"));
                return error is IOException && error.Message.Contains("password", StringComparison.Ordinal) && error.InnerException is RedisException;
            },
            "the error tells of the password");
    }

    private static async Task AllowAsync(RedisServer server, string rights)
    {
        await using var admin = await Link.ToAsync(server);
        await admin.Connection.GetDatabase().ExecuteAsync("ACL", [.. $"SETUSER app on >secret {rights}".Split(' ')]);
    }

    private static async Task<Node> NodeAsync(RedisServer server)
    {
        var link = await Link.ToAsync(server, ",user=app,password=secret,allowAdmin=false");
        return new Node(link, new RegenCache("catalog", null, new RedisStore(link.Connection), new RedisNotifications(link.Connection)));
    }

    private sealed record Node(Link Link, RegenCache Cache) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Cache.DisposeAsync();
            await Link.DisposeAsync();
        }
    }
}
