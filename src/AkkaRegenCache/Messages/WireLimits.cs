using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Messages;

/// <summary>
/// Keeps messages below the size of a remoting frame (128,000 bytes by default). A larger message is dropped with only a line in the log.
/// </summary>
internal static class WireLimits
{
    /// <summary>The most bytes of a value in one message. The other fields are far smaller than the rest of the frame.</summary>
    public const int Payload = 64 * 1024;

    /// <summary>The most bytes of a list in one message.</summary>
    public const int List = 64 * 1024;

    /// <summary>
    /// The number of bytes of a value that are requested at once: enough to keep a fast network busy, without delaying other messages.
    /// </summary>
    public const int Window = 16 * Payload;

    /// <summary>The most bytes of one character of a key.</summary>
    private const int BytesPerCharacter = 3;

    /// <summary>A notification that fits into a frame: a large value is left out, and nodes that need it read it.</summary>
    public static CacheNotification Fit(CacheNotification notification) =>
        notification.Payload?.Bytes is { Length: > Payload } ? notification with { Payload = null } : notification;

    /// <summary>Splits a message into messages that fit into a frame.</summary>
    public static IEnumerable<ToCoordinator> Split(ToCoordinator message)
    {
        switch (message)
        {
            case OutcomeKnown { Outcome.Payload.Bytes.Length: > Payload } outcome:
                return [outcome with { Outcome = Fit(outcome.Outcome) }];
            case KeysOffered offered when offered.Keys.Sum(SizeOf) > List:
                return Split(offered.Keys, SizeOf).Select(keys => offered with { Keys = keys });
            case ResyncAnswered resync when resync.Held.Sum(SizeOf) + resync.Awaited.Sum(SizeOf) + resync.Offered.Sum(SizeOf) > List:
                return Split(resync.Held, SizeOf).Select(held => resync with { Held = held, Awaited = [], Offered = [] })
                    .Concat(Split(resync.Awaited, SizeOf).Select(awaited => resync with { Held = [], Awaited = awaited, Offered = [] }))
                    .Concat(Split(resync.Offered, SizeOf).Select(offers => resync with { Held = [], Awaited = [], Offered = offers }));
            case RecordsRecovered kept when kept.Records.Sum(SizeOf) > List:
                // A value that fits into no message is not recovered: it will be generated again.
                var fitting = kept.Records.Where(record => record.Payload?.Bytes is not { Length: > Payload }).ToList();
                return Split(fitting, SizeOf).Select(records => kept with { Records = records });
            default:
                return [message];
        }
    }

    /// <summary>Splits a list into parts that fit into a frame.</summary>
    public static IEnumerable<IReadOnlyList<T>> Split<T>(IReadOnlyList<T> items, Func<T, int> sizeOf)
    {
        var part = new List<T>();
        var size = 0;
        foreach (var item in items)
        {
            var own = sizeOf(item);
            if (size + own > List && part.Count > 0)
            {
                yield return part;
                part = [];
                size = 0;
            }

            part.Add(item);
            size += own;
        }

        if (part.Count > 0)
            yield return part;
    }

    public static int SizeOf(string key) => (key.Length * BytesPerCharacter) + 16;

    private static int SizeOf(ClaimHeld held) => SizeOf(held.Key) + 32;

    private static int SizeOf(ClaimAwaited awaited) => SizeOf(awaited.Key) + SizeOf(awaited.Holder) + 32;

    private static int SizeOf(RecoveryRecord kept) => SizeOf(kept.Key) + (kept.Payload?.Bytes?.Length ?? 0) + 64;

    private static int SizeOf(OfferedKey offered) => SizeOf(offered.Key) + 64;
}
