using System.Text;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>A process with a store of its own: short forms of what it asks.</summary>
internal sealed class Process(DistributedCacheStore root, string node, bool whole = false)
{
    private static long s_operations;

    public IExternalStore Store { get; } = whole ? root : root.ForCache("cache");

    public string Key => "key";

    public static StoreSchedule Epoch(double? interval = null, double activeFor = 0) => new()
    {
        FreshFor = TimeSpan.FromSeconds(10),
        Interval = interval is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
        ActiveFor = TimeSpan.FromSeconds(activeFor),
    };

    public async Task<StoreRecord?> Read(string key = "key") => (await Store.ReadAsync(new ReadRequest { Key = key })).Record;

    public async Task<TokenCheck> Check(string key = "key") => (await Store.CheckAsync([key])).Checks[0];

    public async Task<ClaimAnswer> Claim(ClaimReason reason = ClaimReason.Miss, string key = "key", double lease = 3) =>
        await Store.ClaimAsync(new ClaimRequest
        {
            Key = key, Operation = Op(), Owner = node, Lease = TimeSpan.FromSeconds(lease), Reason = reason,
        });

    public async Task<ChangeAnswer> Commit(
        long token,
        string value,
        double? interval = null,
        double activeFor = 0,
        string key = "key",
        OperationId? operation = null,
        CancellationToken cancellationToken = default) => await Store.CommitAsync(
            new CommitRequest
            {
                Key = key,
                Operation = operation ?? Op(),
                Token = token,
                Payload = CachePayload.FromBytes(Encoding.UTF8.GetBytes(value)),
                Schedule = Epoch(interval, activeFor),
            },
            cancellationToken);

    public async Task<long> Generate(
        string value, ClaimReason reason = ClaimReason.Refresh, double? interval = null, double activeFor = 0, string key = "key")
    {
        var claim = await Claim(reason, key);
        Assert.Equal(ClaimOutcome.Granted, claim.Outcome);
        var commit = await Commit(claim.Token, value, interval, activeFor, key);
        Assert.True(commit.Accepted);
        return commit.Token;
    }

    public async Task<ChangeAnswer> Write(string value, OperationId? operation = null, bool isRetry = false, long observed = 0) =>
        await Store.WriteAsync(new WriteRequest
        {
            Key = Key,
            Operation = operation ?? Op(),
            Payload = CachePayload.FromBytes(Encoding.UTF8.GetBytes(value)),
            Schedule = Epoch(),
            IsRetry = isRetry,
            AskedAgo = TimeSpan.FromMinutes(1),
            ObservedToken = observed,
        });

    public async Task<ChangeAnswer> Invalidate(OperationId? operation = null) => await Store.InvalidateAsync(
        new InvalidateRequest { Key = Key, Operation = operation ?? Op(), TombstoneFor = TimeSpan.FromSeconds(20) });

    private OperationId Op() => new(node, Interlocked.Increment(ref s_operations) + 1_000_000);
}

/// <summary>Keeps what was logged.</summary>
internal sealed class ListLogger<T> : ILogger<T>
{
    public List<string> Messages { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (Messages)
            Messages.Add(formatter(state, exception));
    }
}
