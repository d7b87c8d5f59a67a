using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>Commits, and how the other nodes are told of them.</summary>
/// <remarks>
/// The script that commits publishes too. To tell is optional and must not fail the commit: a user may lack the right to the channel, and the client may give
/// channels another name than is known here. The script answers how many have heard it. Where nobody has, the client publishes, and where that is heard, it does
/// so from then on.
/// </remarks>
public sealed partial class RedisStore
{
    /// <summary>
    /// The script that commits can publish, where both go over the same connection. On a Redis Cluster they don't: its servers would tell in another order
    /// than they were asked.
    /// </summary>
    /// <inheritdoc cref="IExternalStore.AnnouncesOn"/>
    public bool AnnouncesOn(INotificationBus bus) =>
        _cacheName is not null && _calls.Announcing is not null
        && bus is RedisNotifications notifications && notifications.GoWith(_calls.Connection, RedisNames.Escape(_names.Prefix));

    /// <inheritdoc/>
    public async ValueTask<ChangeAnswer> CommitAsync(CommitRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        RedisValue[] values = [request.Token, request.ClaimEpoch, .. Epoch(request.Schedule), Bytes(request, request.Payload)];
        var (link, channel) = (_calls.Announcing, "");
        if (request.Announcement is { } announcement && _cacheName is not null && link is not null)
        {
            channel = RedisNotifications.ChannelOf(RedisNames.Escape(_names.Prefix), link.Database.Database, _cacheName);
            var (publisher, key) = NotificationFormat.Partitions(announcement, request.Key);
            values = [.. values, link.ChannelPrefix + channel, publisher, key, announcement.WithValue ? 1 : 0];
        }

        var (reply, epoch) = await CallAsync(_calls.Scripts.Commit, request, values, cancellationToken).ConfigureAwait(false);
        var answer = RedisAnswers.Change(reply, epoch);
        switch (RedisAnswers.Told(reply))
        {
            case "0":
                _ = TellAsync(link!, channel, request, answer);
                break;
            case [not (>= '0' and <= '9'), ..] error:
                _calls.Warnings.WarnOfUntoldCommits(error);
                break;
        }

        return answer;
    }

    /// <summary>Tells by the client what nobody has heard from the script.</summary>
    private static async Task TellAsync(RedisLink link, string channel, CommitRequest request, ChangeAnswer answer)
    {
        var announcement = request.Announcement!;
        var bytes = NotificationFormat.Write(new CacheNotification
        {
            Publisher = announcement.Publisher,
            Sequence = announcement.Sequence,
            Kind = answer.Accepted ? NotificationKind.Fresh : NotificationKind.Released,
            Epoch = answer.Epoch,
            Key = request.Key,
            Token = request.Token,
            FreshFor = answer.Accepted ? request.Schedule.FreshFor : default,
            DueIn = answer.Accepted ? answer.DueIn : null,
            ActiveFor = answer.Accepted ? answer.ActiveFor : default,
            Payload = answer.Accepted && announcement.WithValue ? request.Payload : null,
        });
        try
        {
            if (await link.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal(channel), bytes).ConfigureAwait(false) > 0)
                link.HasOtherChannels = true;
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // It is a hint: what isn't told is found when the nodes compare.
        }
    }
}
