using System.Text;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Testing.Contracts;

/// <summary>
/// What every external store must do. A derived class gives the store, empty for each test, and lets its time pass: a virtual clock at once, a
/// store with a clock of its own by waiting. All times are multiples of <see cref="Unit"/>, so that a store which must be waited for can make it
/// short, and durations are compared to within <see cref="Tolerance"/>.
/// </summary>
public abstract partial class ExternalStoreContract
{
    protected const string Key = "key";

    private long _operations;

    /// <summary>The store under test.</summary>
    protected abstract IExternalStore Store { get; }

    /// <summary>The unit of all times of the suite.</summary>
    protected virtual TimeSpan Unit => TimeSpan.FromSeconds(1);

    /// <summary>How far a duration may be off. Well below a tenth of <see cref="Unit"/>.</summary>
    protected virtual TimeSpan Tolerance => TimeSpan.Zero;

    /// <summary>Lets time pass for the store.</summary>
    protected abstract Task AdvanceAsync(TimeSpan time);

    protected Task Advance(double units) => AdvanceAsync(Unit * units);

    protected OperationId Op(string node = "node") => new(node, Interlocked.Increment(ref _operations));

    protected async Task<StoreRecord?> Read(string key = Key) => (await Store.ReadAsync(new ReadRequest { Key = key })).Record;

    protected async Task<ClaimAnswer> Claim(
        string owner = "a",
        ClaimReason reason = ClaimReason.Miss,
        long observed = 0,
        long awaited = 0,
        double lease = 3,
        double activeFor = 0,
        string? stealFrom = null,
        string key = Key,
        OperationId? operation = null) => await Store.ClaimAsync(new ClaimRequest
        {
            Key = key,
            Operation = operation ?? Op(),
            Owner = owner,
            Lease = Unit * lease,
            Reason = reason,
            ObservedToken = observed,
            AwaitedToken = awaited,
            ActiveFor = Unit * activeFor,
            StealFrom = stealFrom,
        });

    /// <summary>Claims, and expects to get it.</summary>
    protected async Task<long> Granted(
        string owner = "a", ClaimReason reason = ClaimReason.Miss, long observed = 0, double lease = 3, string? stealFrom = null, string key = Key)
    {
        var answer = await Claim(owner, reason, observed, lease: lease, stealFrom: stealFrom, key: key);
        Assert.Equal(ClaimOutcome.Granted, answer.Outcome);
        Assert.True(answer.Token > 0);
        return answer.Token;
    }

    /// <summary>Whether a commit of another epoch is told apart: on a Redis Cluster a script can't see the epoch.</summary>
    protected virtual bool ChecksEpochs => true;

    protected async Task<ChangeAnswer> Commit(
        long token, string value = "value", StoreSchedule? schedule = null, string key = Key, OperationId? operation = null, string life = "") =>
        await Store.CommitAsync(new CommitRequest
        {
            Key = key,
            Operation = operation ?? Op(),
            Token = token,
            ClaimEpoch = life,
            Payload = Payload(value),
            Schedule = schedule ?? Fresh(10),
        });

    /// <summary>Claims and commits, and expects both to be done.</summary>
    protected async Task<ChangeAnswer> Generate(
        string value = "value", StoreSchedule? schedule = null, ClaimReason reason = ClaimReason.Refresh, string key = Key)
    {
        var answer = await Commit(await Granted(reason: reason, key: key), value, schedule, key);
        Assert.True(answer.Accepted);
        return answer;
    }

    protected async Task<ChangeAnswer> Write(
        string value = "value",
        StoreSchedule? schedule = null,
        long observed = 0,
        bool isRetry = false,
        string key = Key,
        OperationId? operation = null,
        double askedAgo = 60) =>
        await Store.WriteAsync(new WriteRequest
        {
            Key = key,
            Operation = operation ?? Op(),
            Payload = Payload(value),
            Schedule = schedule ?? Fresh(10),
            ObservedToken = observed,
            IsRetry = isRetry,
            AskedAgo = Unit * askedAgo,
        });

    protected async Task<ChangeAnswer> Invalidate(
        double tombstoneFor = 10,
        string key = Key,
        OperationId? operation = null,
        long observed = 0,
        bool isRetry = false,
        double askedAgo = 60) =>
        await Store.InvalidateAsync(new InvalidateRequest
        {
            Key = key,
            Operation = operation ?? Op(),
            TombstoneFor = Unit * tombstoneFor,
            ObservedToken = observed,
            IsRetry = isRetry,
            AskedAgo = Unit * askedAgo,
        });

    protected async Task<bool> Release(
        long token,
        string? failure = null,
        double backoff = 0,
        double dueBackoff = 0,
        bool onlyIfUncontended = false,
        string key = Key,
        OperationId? operation = null)
    {
        var answer = await Store.ReleaseAsync(new ReleaseRequest
        {
            Key = key,
            Operation = operation ?? Op(),
            Token = token,
            Failure = failure is null ? null : new GenerationFailure("Some.Exception", failure),
            Backoff = Unit * backoff,
            DueBackoff = Unit * dueBackoff,
            OnlyIfUncontended = onlyIfUncontended,
        });
        return answer.Released;
    }

    protected async Task<RenewOutcome> Renew(long token, double lease = 3, string key = Key) =>
        Assert.Single((await Store.RenewAsync([new HeldClaim(key, token)], Unit * lease)).Outcomes);

    protected async Task Touch(double activeFor, string key = Key) => await Store.TouchAsync([new KeyActivity(key, Unit * activeFor)]);

    protected async Task<TokenCheck> CheckOne(string key = Key) => Assert.Single((await Store.CheckAsync([key])).Checks);

    protected StoreSchedule Fresh(double freshFor, double? interval = null, double activeFor = 0, double minimumForward = 0) => new()
    {
        FreshFor = Unit * freshFor,
        Interval = interval is { } units ? Unit * units : null,
        ActiveFor = Unit * activeFor,
        MinimumForward = Unit * minimumForward,
    };

    /// <summary>A payload as a cache would give it to this store.</summary>
    protected CachePayload Payload(string value) => Store.StoresObjects
        ? CachePayload.FromValue(value, value.Length)
        : CachePayload.FromValue(value, value.Length, Encoding.UTF8.GetBytes(value));

    protected static string? Text(StoreRecord? record) => record?.Payload switch
    {
        null => null,
        { Bytes: { } bytes } => Encoding.UTF8.GetString(bytes.Span),
        var payload => (string?)payload.Value,
    };

    protected async Task AssertShows(string? value, long? token = null, string key = Key)
    {
        var record = await Read(key);
        Assert.Equal(value, Text(record));
        if (token is not null)
            Assert.Equal(token, record!.Token);
    }

    protected void AssertNear(double units, TimeSpan? actual)
    {
        Assert.NotNull(actual);
        Assert.InRange(actual.Value, (Unit * units) - Tolerance, (Unit * units) + Tolerance);
    }
}
