using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>Commits, and their announcement to the other nodes.</summary>
/// <remarks>
/// The script that commits also publishes. The announcement is optional and must not fail the commit: a user may lack permission for the
/// channel, and the client may use another channel prefix than is known here. The script returns the number of receivers. If there was
/// none, the client publishes too; if that has receivers, the client publishes from then on.
/// </remarks>
public sealed partial class RedisStore
{
    /// <summary>
    /// The script that commits can publish if both use the same connection. Not on a Redis Cluster, whose servers may publish in another
    /// order than the calls were sent.
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
            var (publisher, key) = NotificationFormat.AnnouncementParts(announcement, request.Key);
            values = [.. values, link.ChannelPrefix + channel, publisher, key, announcement.WithValue ? 1 : 0];
        }

        var (reply, epoch) = await CallAsync(_calls.Scripts.Commit, request, values, cancellationToken).ConfigureAwait(false);
        var answer = RedisAnswers.Change(reply, epoch);
        switch (RedisAnswers.Announced(reply))
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

    /// <summary>Publishes with the client, if the script's publication had no receiver.</summary>
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
            // A notification is a hint: nodes find the change when they compare.
        }
    }
}
