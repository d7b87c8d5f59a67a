using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Messages;

/// <summary>Removes values that are too large for one message from requests and answers, and puts them back.</summary>
internal static class StorePayloads
{
    private static readonly CachePayload s_apart = CachePayload.FromBytes(default);

    public static object Without(object request) => With(request, s_apart);

    public static object With(object request, CachePayload payload) => request switch
    {
        CommitRequest commit => commit with { Payload = payload },
        WriteRequest write => write with { Payload = payload },
        _ => throw new InvalidOperationException($"A {request.GetType().Name} has no value."),
    };

    public static StoreRecord? RecordOf(StoreAnswer answer) => answer switch
    {
        ReadAnswer read => read.Record,
        ClaimAnswer claim => claim.Record,
        _ => null,
    };

    public static StoreAnswer Without(StoreAnswer answer) => With(answer, s_apart);

    public static StoreAnswer With(StoreAnswer answer, CachePayload payload) => answer switch
    {
        ReadAnswer read => new ReadAnswer { Epoch = read.Epoch, Record = With(read.Record!, payload) },
        ClaimAnswer claim => new ClaimAnswer
        {
            Epoch = claim.Epoch,
            Outcome = claim.Outcome,
            Token = claim.Token,
            Owner = claim.Owner,
            Remaining = claim.Remaining,
            Record = With(claim.Record!, payload),
            Failure = claim.Failure,
        },
        _ => throw new InvalidOperationException($"A {answer.GetType().Name} has no value."),
    };

    private static StoreRecord With(StoreRecord record, CachePayload payload) => new()
    {
        Payload = payload,
        Token = record.Token,
        FreshFor = record.FreshFor,
        DueIn = record.DueIn,
        ActiveFor = record.ActiveFor,
    };
}
