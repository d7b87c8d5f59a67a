using System.Text;
using AkkaRegenCache.Storage;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>A store, and its operations in few words.</summary>
internal sealed class StoreRig(RedisStore store, LogList log)
{
    private static long s_operations;

    public RedisStore Store => store;

    public LogList Log => log;

    public static StoreRig On(IConnectionMultiplexer connection, string prefix, RedisScripts? scripts = null)
    {
        var log = new LogList();
        return new StoreRig(new RedisStore(new RedisConnection(connection), prefix, log, scripts), log);
    }

    public static OperationId Op() => new("node", Interlocked.Increment(ref s_operations));

    public static StoreSchedule Fresh(double seconds = 60, double? interval = null, double activeFor = 0) => new()
    {
        FreshFor = TimeSpan.FromSeconds(seconds),
        Interval = interval is { } given ? TimeSpan.FromSeconds(given) : null,
        ActiveFor = TimeSpan.FromSeconds(activeFor),
    };

    public ValueTask<ReadAnswer> Read(string key) => store.ReadAsync(new ReadRequest { Key = key });

    public async Task<string?> Text(string key) =>
        (await Read(key)).Record?.Payload is { } payload ? Encoding.UTF8.GetString(payload.Bytes!.Value.Span) : null;

    public ValueTask<ClaimAnswer> Claim(
        string key, string owner = "a", double lease = 60, ClaimReason reason = ClaimReason.Miss, OperationId? operation = null) =>
        store.ClaimAsync(new ClaimRequest
        {
            Key = key, Operation = operation ?? Op(), Owner = owner, Lease = TimeSpan.FromSeconds(lease), Reason = reason,
        });

    public ValueTask<ChangeAnswer> Commit(string key, long token, string value = "value", StoreSchedule? schedule = null) =>
        store.CommitAsync(new CommitRequest
        {
            Key = key, Operation = Op(), Token = token, Payload = Payload(value), Schedule = schedule ?? Fresh(),
        });

    public ValueTask<ChangeAnswer> Write(string key, string value = "value", StoreSchedule? schedule = null, OperationId? operation = null) =>
        store.WriteAsync(new WriteRequest
        {
            Key = key, Operation = operation ?? Op(), Payload = Payload(value), Schedule = schedule ?? Fresh(),
        });

    public ValueTask<ChangeAnswer> Invalidate(string key, double seconds = 60) =>
        store.InvalidateAsync(new InvalidateRequest { Key = key, Operation = Op(), TombstoneFor = TimeSpan.FromSeconds(seconds) });

    public ValueTask<ReleaseAnswer> Release(string key, long token, string? failure = null) => store.ReleaseAsync(new ReleaseRequest
    {
        Key = key, Operation = Op(), Token = token, Failure = failure is null ? null : new GenerationFailure("Some.Exception", failure),
    });

    private static CachePayload Payload(string value) => CachePayload.FromBytes(Encoding.UTF8.GetBytes(value));
}
