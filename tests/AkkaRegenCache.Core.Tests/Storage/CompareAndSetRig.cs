using System.Text;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Time;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>A store made of documents that tests get between, and short forms of what is asked of it.</summary>
public abstract class CompareAndSetRig
{
    private static readonly StoreSchedule s_schedule = new() { FreshFor = TimeSpan.FromSeconds(10) };

    private long _operations;

    protected CompareAndSetRig()
    {
        Documents = new FakeDocuments(Clock);
        Store = NewProcess(Documents).ForCache("cache");
    }

    private protected VirtualTimeProvider Clock { get; } = new();

    private protected FakeDocuments Documents { get; }

    private protected ListLogger<CompareAndSetExternalStore> Log { get; } = new();

    /// <summary>A cache's store in this process.</summary>
    protected IExternalStore Store { get; }

    protected CompareAndSetExternalStore NewProcess(ICompareAndSetStore documents) => new(documents, Clock, Log);

    protected OperationId Op() => new("node", Interlocked.Increment(ref _operations));

    protected async ValueTask<string?> Read(string key = "key")
    {
        var record = (await Store.ReadAsync(new ReadRequest { Key = key })).Record;
        return record?.Payload?.Bytes is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null;
    }

    protected ValueTask<ClaimAnswer> Claim(
        IExternalStore? store = null,
        ClaimReason reason = ClaimReason.Miss,
        OperationId? operation = null,
        CancellationToken cancellationToken = default) => (store ?? Store).ClaimAsync(
            new ClaimRequest
            {
                Key = "key",
                Operation = operation ?? Op(),
                Owner = store is null ? "node" : "other",
                Lease = TimeSpan.FromSeconds(3),
                Reason = reason,
            },
            cancellationToken);

    protected ValueTask<ChangeAnswer> Commit(long token, string value, OperationId? operation = null, IExternalStore? store = null) =>
        (store ?? Store).CommitAsync(new CommitRequest
        {
            Key = "key", Operation = operation ?? Op(), Token = token, Payload = Payload(value), Schedule = s_schedule,
        });

    protected ValueTask<ChangeAnswer> Write(
        string value, StoreSchedule? schedule = null, IExternalStore? store = null, string key = "key") =>
        (store ?? Store).WriteAsync(new WriteRequest
        {
            Key = key, Operation = Op(), Payload = Payload(value), Schedule = schedule ?? s_schedule,
        });

    private static CachePayload Payload(string value) => CachePayload.FromBytes(Encoding.UTF8.GetBytes(value));
}
