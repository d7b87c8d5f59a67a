using System.Text;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Testing.Contracts;

/// <summary>
/// The same random operations at the same moments on a store and on the reference in memory: every answer is the same, to the token and to
/// the microsecond. Both clocks stand still between the steps.
/// </summary>
/// <param name="seed">What the operations are drawn from.</param>
/// <param name="newStore">Makes the store, empty.</param>
/// <param name="setTime">Sets the store's clock.</param>
public sealed class AgainstReference(int seed, Func<TimeProvider, IExternalStore> newStore, Func<DateTimeOffset, Task>? setTime = null)
{
    private static readonly string[] s_keys = ["a", "b", "c"];
    private static readonly string[] s_owners = ["n1", "n2", "n3"];

    private readonly Random _random = new(seed);
    private readonly FakeClock _clock = new();
    private readonly List<string> _history = [];
    private readonly List<long> _tokens = [0];
    private readonly List<Func<IExternalStore, Task<StoreAnswer>>> _calls = [];
    private readonly Dictionary<OperationId, WriteRequest> _writes = [];
    private readonly HashSet<(OperationId, IExternalStore)> _written = [];
    private InMemoryStore? _reference;
    private IExternalStore? _store;
    private long _number;

    /// <summary>The keys that are used.</summary>
    public static IReadOnlyList<string> Keys => s_keys;

    /// <summary>Comes after each operation on the store.</summary>
    public Func<Task> AfterEach { get; init; } = () => Task.CompletedTask;

    public async Task RunAsync()
    {
        await MoveAsync(TimeSpan.Zero);
        foreach (var key in s_keys)
            await CompareAsync(store => WriteAsync(store, key, retry: false));
        for (var i = 0; i < 300; i++)
        {
            // Less than ten seconds in all: nothing is forgotten, which the two do at different moments.
            await MoveAsync(Some(0, 0, 1, 5_000, 20_000, 50_000) * TimeSpan.FromMicroseconds(1));
            await StepAsync();
        }
    }

    private T Some<T>(params T[] values) => values[_random.Next(values.Length)];

    private async Task MoveAsync(TimeSpan time)
    {
        _clock.Now += time;
        _reference ??= new InMemoryStore(_clock, storesObjects: false);
        _store ??= newStore(_clock);
        if (setTime is not null)
            await setTime(_clock.Now);
    }

    private Task StepAsync()
    {
        var key = Some(s_keys);
        var token = Some([.. _tokens.TakeLast(6)]) + Some(0, 0, 0, 0, 1, -1);
        if (_calls.Count > 0 && _random.Next(8) == 0)
        {
            // An answer was lost: the same again, or a late first try.
            return CompareAsync(Some([.. _calls.TakeLast(10)]));
        }

        var operation = new OperationId("node", ++_number);
        switch (_random.Next(10))
        {
            case 0 or 1 or 2:
                var claim = new ClaimRequest
                {
                    Key = key,
                    Operation = operation,
                    Owner = Some(s_owners),
                    Lease = Milliseconds(20, 100, 400),
                    Reason = Some(ClaimReason.Miss, ClaimReason.Due, ClaimReason.Refresh),
                    ObservedToken = Some(0, 0, token),
                    AwaitedToken = Some(0, Some([.. _tokens.TakeLast(6)])),
                    ActiveFor = Milliseconds(0, 0, 5_000, 40_000),
                    StealFrom = Some<string?>(null, null, "n1", "n2", "n3"),
                };
                return CompareAsync(async store => await store.ClaimAsync(claim));
            case 3 or 4:
                var commit = new CommitRequest
                {
                    Key = key, Operation = operation, Token = token, Payload = Payload(), Schedule = Schedule(),
                };
                return CompareAsync(async store => await store.CommitAsync(commit));
            case 5:
                var release = new ReleaseRequest
                {
                    Key = key,
                    Operation = operation,
                    Token = token,
                    Failure = Some(null, new GenerationFailure("T", "m" + _number), new GenerationFailure("", "")),
                    Backoff = Milliseconds(0, 30, 200),
                    DueBackoff = Milliseconds(0, 30, 200),
                    OnlyIfUncontended = Some(true, false),
                };
                return CompareAsync(async store => await store.ReleaseAsync(release));
            case 6:
                var retry = Some(true, false);
                return CompareAsync(store => WriteAsync(store, key, retry, token, operation));
            case 7 when _random.Next(3) == 0:
                var invalidate = new InvalidateRequest
                {
                    Key = key,
                    Operation = operation,
                    TombstoneFor = Milliseconds(20_000, 60_000),
                    ObservedToken = token,
                    IsRetry = Some(true, false),
                    AskedAgo = Milliseconds(0, 10, 100, 1_000, 60_000),
                };
                return CompareAsync(async store => await store.InvalidateAsync(invalidate));
            case 8:
                HeldClaim[] claims = [new(key, token), new(Some(s_keys), Some([.. _tokens.TakeLast(3)])), new("unknown", token)];
                var lease = Milliseconds(10, 100, 300);
                return CompareAsync(async store => await store.RenewAsync(claims, lease));
            case 9:
                KeyActivity[] activities = [new(key, Milliseconds(0, 5_000, 50_000)), new("unknown", Milliseconds(5))];
                return CompareAsync(async store => await store.TouchAsync(activities));
            default:
                return CompareAsync(async store => await store.ReadAsync(new ReadRequest { Key = key }));
        }
    }

    private async Task<StoreAnswer> WriteAsync(
        IExternalStore store, string key, bool retry, long observed = 0, OperationId? operation = null)
    {
        // Asked once for each store, and the same each time.
        var id = operation ?? new OperationId("first", s_keys.IndexOf(key));
        if (!_writes.TryGetValue(id, out var write))
        {
            write = new WriteRequest
            {
                Key = key,
                Operation = id,
                Payload = Payload(),
                Schedule = Schedule(),
                ObservedToken = observed,
                IsRetry = retry,
                AskedAgo = Milliseconds(0, 10, 100, 1_000, 60_000),
            };
            _writes.Add(id, write);
        }

        // A repeat of a first try is a retry.
        var isRetry = write.IsRetry || !_written.Add((id, store));
        if (isRetry != write.IsRetry)
            write = write with { IsRetry = isRetry };
        return await store.WriteAsync(write);
    }

    private async Task CompareAsync(Func<IExternalStore, Task<StoreAnswer>> call)
    {
        _calls.Add(call);
        var expected = Text(await call(_reference!));
        var actual = Text(await call(_store!));

        await AfterEach();
        _history.Add($"{_clock.Now:ss.ffffff} {expected}");
        AssertSame("the answer", expected, actual);
        foreach (var key in s_keys)
        {
            var request = new ReadRequest { Key = key };
            var record = Text(await _reference!.ReadAsync(request));
            var read = Text(await _store!.ReadAsync(request));
            AssertSame(key, record, read);
        }

        Assert.Equal((await _reference!.CheckAsync(s_keys)).Checks, (await _store!.CheckAsync(s_keys)).Checks);
    }

    private void AssertSame(string what, string expected, string actual) => Assert.True(
        expected == actual,
        $"seed {seed}: {what} should be\n{expected}\nbut was\n{actual}\nafter\n{string.Join('\n', _history.TakeLast(30))}");

    private string Text(StoreAnswer answer)
    {
        switch (answer)
        {
            case ReadAnswer read:
                return "read " + Text(read.Record);
            case ClaimAnswer claim:
                if (claim.Token != 0)
                    _tokens.Add(claim.Token);
                return $"{claim.Outcome} {claim.Token} {claim.Owner} {claim.Remaining} {claim.Failure} {Text(claim.Record)}";
            case ChangeAnswer change:
                _tokens.Add(change.Token);
                var active = change.Accepted && change.DueIn is not null ? change.ActiveFor : default;
                return $"change {change.Accepted} {change.Token} {change.DueIn} {active}";
            case ReleaseAnswer release:
                return $"released {release.Released}";
            case RenewAnswer renew:
                return string.Join(' ', renew.Outcomes);
            default:
                return answer.GetType().Name;
        }
    }

    // How long a key without a schedule is active means nothing.
    private static string Text(StoreRecord? record) => record is null
        ? "nothing"
        : $"{record.Token} fresh {record.FreshFor} due {record.DueIn} active {(record.DueIn is null ? default : record.ActiveFor)} "
            + (record.Payload is { } payload ? Encoding.UTF8.GetString(payload.Bytes!.Value.Span) : "removed");

    private CachePayload Payload() => CachePayload.FromBytes(Encoding.UTF8.GetBytes($"value {++_number}"));

    private StoreSchedule Schedule()
    {
        // Nothing is forgotten: either the value lives on, or the schedule does.
        var isScheduled = Some(true, true, false);
        return new StoreSchedule
        {
            FreshFor = isScheduled ? Milliseconds(300, 600, 20_000) : Milliseconds(20_000, 40_000),
            Interval = isScheduled ? Milliseconds(30, 77, 200) : null,
            MinimumForward = Milliseconds(0, 0, 50),
            ActiveFor = isScheduled ? Milliseconds(20_000, 30_000) : Milliseconds(0, 30_000),
        };
    }

    private TimeSpan Milliseconds(params int[] values) => TimeSpan.FromMilliseconds(Some(values));

    private sealed class FakeClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Now;

        public override long GetTimestamp() => Now.Ticks;
    }
}
